import { ClusterError, toClusterError } from '../errors.ts'
import type { Options } from '../interfaces.ts'
import type { Clock } from '../lib/clock.ts'
import { pagesOf } from '../lib/pages.ts'
import type { PeerId } from '../model/peer.ts'

/** What one peer answered, or why it did not. */
export type Answer<T> =
  | { readonly peer: PeerId; readonly value: T }
  | { readonly peer: PeerId; readonly error: ClusterError }

/** How long each peer has, and how many are asked at once. */
export interface FanOutOptions extends Options {
  readonly clock: Clock
  readonly limitMs: number
  /** Default: 64. */
  readonly concurrentMax?: number
}

/** How long a peer has to answer a question on one CID or on itself (daemon.md 2.2, 2.7). */
export const PEER_LIMIT_MS = 15_000
const CONCURRENT_MAX = 64

/**
 * Asks peers at the same time and yields their answers as they come. A peer that does not trust this one (`FORBIDDEN`)
 * is left out, as if it were not there. Throws only `signal.reason`.
 */
export async function* fanOut<T>(
  peers: readonly PeerId[],
  ask: (peer: PeerId, options: Options) => Promise<T>,
  { signal, clock, limitMs, concurrentMax = CONCURRENT_MAX }: FanOutOptions,
): AsyncGenerator<Answer<T>> {
  signal.throwIfAborted()
  const ending = new AbortController()
  const onAbort = () => ending.abort(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  const limits = { signal: ending.signal, clock, limitMs }
  const waiting = peers.values()
  const running = new Map<PeerId, Promise<Answer<T>>>()
  try {
    for (;;) {
      while (running.size < concurrentMax) {
        const next = waiting.next()
        if (next.done === true) break
        running.set(next.value, askOne(next.value, ask, limits))
      }
      if (running.size === 0) return
      const answer = await Promise.race(running.values())
      running.delete(answer.peer)
      signal.throwIfAborted()
      if ('error' in answer && answer.error.code === 'FORBIDDEN') continue
      yield answer
    }
  } finally {
    signal.removeEventListener('abort', onAbort)
    if (running.size > 0) ending.abort(new DOMException('nobody waits for the answer', 'AbortError'))
  }
}

/**
 * Ends with the limit and with the signal also when the task does not heed them. With one timer and one controller of its
 * own: signals that are put together of others cost more than the rest of a short call.
 */
async function askOne<T>(
  peer: PeerId,
  ask: (peer: PeerId, options: Options) => Promise<T>,
  { signal, clock, limitMs }: FanOutOptions,
): Promise<Answer<T>> {
  const stopping = new AbortController()
  const stopped = Promise.withResolvers<never>()
  let isLate = false
  const stop = (reason: unknown) => {
    stopping.abort(reason)
    stopped.reject(reason)
  }
  const onAbort = () => stop(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  using _limit = clock.schedule(limitMs, () => {
    isLate = true
    stop(new DOMException('the time is over', 'TimeoutError'))
  })
  try {
    return { peer, value: await Promise.race([ask(peer, { signal: stopping.signal }), stopped.promise]) }
  } catch (thrown) {
    if (!isLate) return { peer, error: toClusterError(thrown) }
    const message = `peer ${peer} did not answer within ${limitMs / 1000} s`
    return { peer, error: new ClusterError('TIMEOUT', message, { cause: thrown }) }
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

/** The one answer of a call that answers once. */
export async function onlyAnswer<T>(answers: AsyncIterable<T>): Promise<T> {
  for await (const page of pagesOf(answers)) for (const answer of page) return answer
  throw new ClusterError('PEER_UNREACHABLE', 'the peer ended the call without an answer')
}
