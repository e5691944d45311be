import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import { freePort } from './peer-processes.ts'

/** What answers like a Kubo: it pins at once whatever it is told, and knows what it has pinned. */
export interface KuboDouble extends AsyncDisposable {
  /** Multiaddr for `ipfshttp.node_multiaddress`. */
  readonly address: string
  /** CIDs as text. */
  readonly pins: Set<string>
  /** How many pins were asked for, and how many were taken away. */
  readonly calls: { adds: number; removes: number }
}

const ID = '12D3KooWGXxJHXdiTnATYB2rKFbRFh5V8A5Rt9ELbDdy8utDEpTQ'

/** Opens one in this process. */
export async function openKuboDouble(): Promise<KuboDouble> {
  const port = await freePort()
  const pins = new Set<string>()
  const calls = { adds: 0, removes: 0 }
  const answers: Readonly<Record<string, (cid: string, response: ServerResponse) => unknown>> = {
    'pin/add': cid => {
      calls.adds++
      pins.add(cid)
      return { Pins: [cid], Progress: 1 }
    },
    'pin/rm': (cid, response) => {
      calls.removes++
      if (pins.delete(cid)) return { Pins: [cid] }
      response.statusCode = 500
      return { Message: 'not pinned or pinned indirectly', Code: 0, Type: 'error' }
    },
    id: () => ({ ID, Addresses: [`/ip4/127.0.0.1/tcp/${port}/p2p/${ID}`] }),
    version: () => ({ Version: '0.44.0' }),
    'repo/stat': () => ({ RepoSize: 1000, StorageMax: 1e12, NumObjects: pins.size }),
    'swarm/peers': () => ({ Peers: [] }),
  }
  const list = (cid: string, type: string | null, response: ServerResponse) => {
    const found = cid === '' ? [...pins] : [cid].filter(each => pins.has(each))
    if (cid !== '' && found.length === 0) {
      response.statusCode = 500
      return `${JSON.stringify({ Message: `path '${cid}' is not pinned`, Code: 0, Type: 'error' })}\n`
    }
    return type === 'direct' ? '' : found.map(each => `{"Cid":"${each}","Type":"recursive"}\n`).join('')
  }
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://double')
    const call = url.pathname.replace('/api/v0/', '')
    const cid = (url.searchParams.get('arg') ?? '').replace(/^\/ipfs\//, '')
    request.resume()
    response.setHeader('content-type', 'application/json')
    if (call === 'pin/ls') response.end(list(cid, url.searchParams.get('type'), response))
    else response.end(`${JSON.stringify(answers[call]?.(cid, response) ?? {})}\n`)
  })
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  return {
    address: `/ip4/127.0.0.1/tcp/${port}`,
    pins,
    calls,
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
}
