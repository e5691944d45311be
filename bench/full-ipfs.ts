// In the place of a Kubo that holds everything already: its list are the first COUNT numbered CIDs, and it pins at once.
// usage: node bench/full-ipfs.ts PORT COUNT
import { createServer, type ServerResponse } from 'node:http'
import { numberedCid } from '../test/support/numbered-cid.ts'

const PAGE = 1000
const [port = 0, count = 0] = process.argv.slice(2).map(Number)
const ID = '12D3KooWGXxJHXdiTnATYB2rKFbRFh5V8A5Rt9ELbDdy8utDEpTQ'

/** Kept as bytes, so that the list costs this process next to nothing while others are measured. */
const pages: Buffer[] = []
for (let at = 0; at < count; at += PAGE) {
  let page = ''
  for (let number = at; number < Math.min(count, at + PAGE); number++)
    page += `{"Cid":"${numberedCid(number).toString()}","Type":"recursive"}\n`
  pages.push(Buffer.from(page))
}

async function list(response: ServerResponse): Promise<void> {
  for (const page of pages) {
    if (!response.write(page)) await new Promise(resolve => response.once('drain', resolve))
  }
  response.end()
}

const answers: Readonly<Record<string, (arg: string) => unknown>> = {
  'pin/add': arg => ({ Pins: [arg], Progress: 1 }),
  id: () => ({ ID, Addresses: [`/ip4/127.0.0.1/tcp/${port}/p2p/${ID}`] }),
  version: () => ({ Version: '0.44.0' }),
  'repo/stat': () => ({ RepoSize: 1000, StorageMax: 1e12, NumObjects: count }),
  'swarm/peers': () => ({ Peers: [] }),
}

createServer((request, response) => {
  const url = new URL(request.url ?? '/', 'http://stub')
  const call = url.pathname.replace('/api/v0/', '')
  const args = url.searchParams.getAll('arg')
  const [arg = ''] = args
  request.resume()
  response.setHeader('content-type', 'application/json')
  if (call === 'pin/ls' && arg === '') {
    if (url.searchParams.get('type') === 'direct') response.end()
    else
      list(response).catch((error: unknown) => {
        throw error
      })
  } else if (call === 'pin/ls')
    response.end(args.map(each => `${JSON.stringify({ Cid: each, Type: 'recursive' })}\n`).join(''))
  else if (call === 'pin/rm') response.end(`${JSON.stringify({ Pins: args })}\n`)
  else response.end(`${JSON.stringify(answers[call]?.(arg) ?? {})}\n`)
}).listen(port, '127.0.0.1')
