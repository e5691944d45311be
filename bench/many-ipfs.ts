// In the place of the Kubos of a whole cluster: each lists what it has to keep of the first PINS numbered CIDs (spread-over.ts),
// pins at once, and remembers what came and went. `GET /nodes` on PORT tells of all of them.
// usage: node bench/many-ipfs.ts PORT PINS PEERS
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import { numberedCid } from '../test/support/numbered-cid.ts'
import { keepersOf } from './spread-over.ts'

/** What `GET /nodes` tells of each. */
export interface NodeReport {
  readonly port: number
  /** CIDs that were pinned and that it did not hold before. */
  readonly added: readonly string[]
  readonly addsCount: number
  readonly removesCount: number
}

interface Node {
  port: number
  readonly added: Set<string>
  readonly removed: Set<string>
  addsCount: number
  removesCount: number
}

const LINES_PER_PIECE = 1000
const [controlPort = 0, pins = 0, peers = 0] = process.argv.slice(2).map(Number)
const ID = '12D3KooWGXxJHXdiTnATYB2rKFbRFh5V8A5Rt9ELbDdy8utDEpTQ'

const toLine = (cid: string) => `{"Cid":"${cid}","Type":"recursive"}\n`
const CID_AT = toLine('').indexOf('""') + 1
const LINE = toLine(numberedCid(0).toString()).length
/** All lines behind each other, as bytes, and whose they are: so that this process costs next to nothing while others are measured. */
const lines = Buffer.alloc(pins * LINE)
const keepers = [new Uint8Array(pins), new Uint8Array(pins)] as const
for (let number = 0; number < pins; number++) {
  const cid = numberedCid(number)
  assert.equal(lines.write(toLine(cid.toString()), number * LINE, 'latin1'), LINE)
  keepersOf(cid, peers).forEach((at, which) => {
    const list = keepers[which]
    if (list !== undefined) list[number] = at
  })
}

const nodes = Array.from({ length: peers }, (): Node => {
  return { port: 0, added: new Set(), removed: new Set(), addsCount: 0, removesCount: 0 }
})

function* piecesOf({ added, removed }: Node, self: number): Generator<Buffer> {
  let some: Buffer[] = []
  for (let number = 0; number < pins; number++) {
    if (keepers[0][number] !== self && keepers[1][number] !== self) continue
    const line = lines.subarray(number * LINE, (number + 1) * LINE)
    if (removed.size > 0 && removed.has(line.toString('latin1', CID_AT, line.indexOf('"', CID_AT)))) continue
    some.push(line)
    if (some.length < LINES_PER_PIECE) continue
    yield Buffer.concat(some)
    some = []
  }
  for (const cid of added) some.push(Buffer.from(toLine(cid)))
  yield Buffer.concat(some)
}

async function list(response: ServerResponse, node: Node, self: number): Promise<void> {
  for (const piece of piecesOf(node, self)) {
    if (!response.write(piece)) await new Promise(resolve => response.once('drain', resolve))
  }
  response.end()
}

function answers(
  node: Node,
  count: number,
): Readonly<Record<string, (cid: string, response: ServerResponse) => unknown>> {
  const refused = (response: ServerResponse, message: string) => {
    response.statusCode = 500
    return { Message: message, Code: 0, Type: 'error' }
  }
  return {
    // Nobody is told to pin what it held at the start, unless it let go of it meanwhile.
    'pin/add': cid => {
      node.addsCount++
      node.added.add(cid)
      node.removed.delete(cid)
      return { Pins: [cid], Progress: 1 }
    },
    'pin/rm': cid => {
      node.removesCount++
      if (!node.added.delete(cid)) node.removed.add(cid)
      return { Pins: [cid] }
    },
    'pin/ls': (cid, response) =>
      node.added.has(cid)
        ? { Cid: cid, Type: 'recursive' }
        : refused(response, `path '${cid}' is not pinned`),
    id: () => ({ ID, Addresses: [`/ip4/127.0.0.1/tcp/${node.port}/p2p/${ID}`] }),
    version: () => ({ Version: '0.44.0' }),
    'repo/stat': () => ({ RepoSize: 1000, StorageMax: 1e12, NumObjects: count }),
    'swarm/peers': () => ({ Peers: [] }),
  }
}

for (const [self, node] of nodes.entries()) {
  const answer = answers(node, Math.round((2 * pins) / peers))
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://stub')
    const call = url.pathname.replace('/api/v0/', '')
    const cid = url.searchParams.get('arg') ?? ''
    request.resume()
    response.setHeader('content-type', 'application/json')
    if (call !== 'pin/ls' || cid !== '')
      response.end(`${JSON.stringify(answer[call]?.(cid, response) ?? {})}\n`)
    else if (url.searchParams.get('type') === 'direct') response.end()
    else list(response, node, self).catch((error: Error) => response.destroy(error))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  assert.ok(typeof address === 'object' && address !== null)
  node.port = address.port
}

createServer((request, response) => {
  const isWhole = request.url === '/nodes?added'
  request.resume()
  response.setHeader('content-type', 'application/json')
  const report = nodes.map(
    ({ port, added, addsCount, removesCount }): NodeReport => ({
      port,
      added: isWhole ? [...added] : [],
      addsCount,
      removesCount,
    }),
  )
  response.end(JSON.stringify(report))
}).listen(controlPort, '127.0.0.1')
