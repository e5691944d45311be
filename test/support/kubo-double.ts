import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { freePort } from './peer-processes.ts'

/** What answers like a Kubo: it pins at once whatever it is told, and knows what it has pinned. */
export interface KuboDouble extends AsyncDisposable {
  /** Multiaddr for `ipfshttp.node_multiaddress`. */
  readonly address: string
  /** CIDs as text. */
  readonly pins: Set<string>
  /** How many pins were asked for, and how many were taken away. */
  readonly calls: { adds: number; removes: number }
  /** Set to true, it cuts every connection without an answer. */
  isDown: boolean
}

/** How it differs from one that pins whatever it is told, at once. */
export interface KuboDoubleOptions {
  /** Pinning waits for this, as for content that is to be fetched. */
  readonly fetched?: (cid: string) => Promise<void>
  /** Told before a pin is taken away. */
  readonly onRemove?: (cid: string) => void
}

const ID = '12D3KooWGXxJHXdiTnATYB2rKFbRFh5V8A5Rt9ELbDdy8utDEpTQ'

/** Opens one in this process. */
export async function openKuboDouble(options: KuboDoubleOptions = {}): Promise<KuboDouble> {
  const port = await freePort()
  const pins = new Set<string>()
  const calls = { adds: 0, removes: 0 }
  const answers: Readonly<Record<string, (cid: string, response: ServerResponse, to: string) => unknown>> = {
    'pin/add': async (cid, response) => {
      calls.adds++
      if (!pins.has(cid)) await options.fetched?.(cid)
      // Like Kubo, it gives up what nobody waits for any more.
      if (response.destroyed) return {}
      pins.add(cid)
      return { Pins: [cid], Progress: 1 }
    },
    'pin/rm': (cid, response) => {
      calls.removes++
      if (pins.has(cid)) options.onRemove?.(cid)
      if (pins.delete(cid)) return { Pins: [cid] }
      response.statusCode = 500
      return { Message: 'not pinned or pinned indirectly', Code: 0, Type: 'error' }
    },
    'pin/update': (from, response, to) => {
      if (pins.has(from)) {
        pins.add(to)
        return { Pins: [from, to] }
      }
      response.statusCode = 500
      return { Message: "'from' cid was not recursively pinned already", Code: 0, Type: 'error' }
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
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const url = new URL(request.url ?? '/', 'http://double')
    const call = url.pathname.replace('/api/v0/', '')
    const [cid = '', to = ''] = url.searchParams.getAll('arg').map(arg => arg.replace(/^\/ipfs\//, ''))
    request.resume()
    response.setHeader('content-type', 'application/json')
    if (call === 'pin/ls') response.end(list(cid, url.searchParams.get('type'), response))
    else response.end(`${JSON.stringify((await answers[call]?.(cid, response, to)) ?? {})}\n`)
  }
  const server = createServer((request, response) => {
    if (double.isDown) request.socket.destroy()
    else answer(request, response).catch((thrown: Error) => response.destroy(thrown))
  })
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  const double: KuboDouble = {
    address: `/ip4/127.0.0.1/tcp/${port}`,
    pins,
    calls,
    isDown: false,
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
  return double
}
