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
  /** Like Kubo, it works a request for many off in order, and ends it at the first that it refuses. */
  const remove = (cids: readonly string[], response: ServerResponse) => {
    for (const cid of cids) {
      calls.removes++
      if (pins.has(cid)) options.onRemove?.(cid)
      if (pins.delete(cid)) continue
      response.statusCode = 500
      return { Message: 'not pinned or pinned indirectly', Code: 0, Type: 'error' }
    }
    return { Pins: cids }
  }
  const list = (cids: readonly string[], type: string | null, response: ServerResponse) => {
    const isListed = (each: string) => pins.has(each) && type !== 'direct'
    const asked = cids.length === 0 ? [...pins].filter(isListed) : cids
    const missing = asked.find(each => !isListed(each))
    const found = missing === undefined ? asked : asked.slice(0, asked.indexOf(missing))
    const message = `path '${missing ?? ''}' is not pinned`
    if (missing !== undefined && found.length === 0) {
      response.statusCode = 500
      return response.end(`${JSON.stringify({ Message: message, Code: 0, Type: 'error' })}\n`)
    }
    if (missing !== undefined) response.setHeader('Trailer', 'X-Stream-Error')
    response.write(found.map(each => `{"Cid":"${each}","Type":"recursive"}\n`).join(''))
    if (missing !== undefined) response.addTrailers({ 'X-Stream-Error': message })
    return response.end()
  }
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const url = new URL(request.url ?? '/', 'http://double')
    const call = url.pathname.replace('/api/v0/', '')
    const cids = url.searchParams.getAll('arg').map(arg => arg.replace(/^\/ipfs\//, ''))
    const [cid = '', to = ''] = cids
    request.resume()
    response.setHeader('content-type', 'application/json')
    if (call === 'pin/ls') list(cids, url.searchParams.get('type'), response)
    else if (call === 'pin/rm') response.end(`${JSON.stringify(remove(cids, response))}\n`)
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
