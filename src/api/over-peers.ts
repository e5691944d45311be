import { once } from 'node:events'
import { type Duplex, duplexPair } from 'node:stream'
import { ClusterError } from '../errors.ts'
import type { Network, Options } from '../interfaces.ts'
import type { PeerId } from '../model/peer.ts'

/** HTTP/1.1 as messages of any size, of which only the order of bytes counts. One stream is one connection. */
export const HTTP_PROTOCOL = '/pinfold/http/1.0.0'

/** Pieces of an answer, so that a long one does not wait as a whole. */
const PIECE_BYTES_MAX = 256 * 1024

const peers = new WeakMap<object, PeerId>()

/** The peer at the other end of a connection over the cluster's network, proved by its key; undefined for any other. */
export function peerOfConnection(connection: object): PeerId | undefined {
  return peers.get(connection)
}

/** Takes the connections of peers to the HTTP API, until disposed. */
export function serveOverPeers(
  network: Pick<Network, 'serve'>,
  api: { accept(connection: Duplex): void },
): Disposable {
  return network.serve(HTTP_PROTOCOL, (input, from, { signal }) => {
    const [near, far] = duplexPair()
    peers.set(near, from)
    // What the log says of where a request comes from.
    Object.defineProperty(near, 'remoteAddress', { value: from })
    api.accept(near)
    return carry(input, far, { signal })
  })
}

/**
 * Carries messages into one end of a pair and gives what comes out of it. Ends with what comes out; the other direction is
 * let go then, and both when the signal aborts. Throws when the pair is destroyed, so that half of an answer is not taken for whole.
 */
export async function* carry(
  input: AsyncIterable<Uint8Array>,
  end: Duplex,
  { signal }: Options,
): AsyncIterable<Uint8Array> {
  // Only an end that is destroyed with an error takes the other one with it.
  const cut = () => void end.destroy(new Error('the connection was cut before its end'))
  signal.addEventListener('abort', cut, { once: true })
  // Whoever reads sees it.
  end.on('error', () => undefined)
  // It ends with the input, which whoever made it ends when the output is over.
  fill(input, end).catch(cut)
  let isDone = false
  try {
    for await (const chunk of end.iterator({ destroyOnReturn: false }) as AsyncIterable<Uint8Array>)
      yield* piecesOf(chunk)
    isDone = true
  } catch (cause) {
    signal.throwIfAborted()
    throw new ClusterError('PEER_UNREACHABLE', 'the connection was cut before its end', { cause })
  } finally {
    signal.removeEventListener('abort', cut)
    if (isDone) end.destroy()
    else cut()
  }
}

async function fill(input: AsyncIterable<Uint8Array>, end: Duplex): Promise<void> {
  const gone = new AbortController()
  end.once('close', () => gone.abort())
  for await (const message of input) {
    if (end.destroyed) return
    if (!end.write(message)) await once(end, 'drain', { signal: gone.signal })
  }
  end.end()
}

function* piecesOf(chunk: Uint8Array): Iterable<Uint8Array> {
  for (let at = 0; at < chunk.length; at += PIECE_BYTES_MAX) yield chunk.subarray(at, at + PIECE_BYTES_MAX)
}
