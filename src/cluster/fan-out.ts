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
  const all = openLimit({ signal, clock, limitMs })
  // Who is asked at the same time has the same time; who has to wait for a place has as much from then on.
  const isTogether = peers.length <= concurrentMax
  const askNext = (peer: PeerId) =>
    isTogether ? askOne(peer, ask, all) : askAlone(peer, ask, { signal: all.signal, clock, limitMs })
  if (!isTogether) all.timer[Symbol.dispose]()
  const waiting = peers.values()
  const running = new Map<PeerId, Promise<Answer<T>>>()
  try {
    for (;;) {
      while (running.size < concurrentMax) {
        const next = waiting.next()
        if (next.done === true) break
        running.set(next.value, askNext(next.value))
      }
      if (running.size === 0) return
      const answer = await Promise.race(running.values())
      running.delete(answer.peer)
      signal.throwIfAborted()
      if ('error' in answer && answer.error.code === 'FORBIDDEN') continue
      yield answer
    }
  } finally {
    if (running.size > 0) all.stop(new DOMException('nobody waits for the answer', 'AbortError'))
    all[Symbol.dispose]()
  }
}

/** How long some peers have. */
interface Limit extends Disposable {
  readonly limitMs: number
  readonly signal: AbortSignal
  readonly timer: Disposable
  /** Rejects when it is stopped, for questions that do not heed the signal. */
  readonly stopped: Promise<never>
  isLate: boolean
  stop(reason: unknown): void
}

/** With one timer and one controller of its own: signals that are put together of others cost more than the rest of a short call. */
function openLimit({ signal, clock, limitMs }: FanOutOptions): Limit {
  const stopping = new AbortController()
  const { promise, reject } = Promise.withResolvers<never>()
  // There may be nobody who waits.
  promise.catch(() => undefined)
  const stop = (reason: unknown) => {
    stopping.abort(reason)
    reject(reason)
  }
  const onAbort = () => stop(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  const timer = clock.schedule(limitMs, () => {
    limit.isLate = true
    stop(new DOMException('the time is over', 'TimeoutError'))
  })
  const limit: Limit = {
    limitMs,
    signal: stopping.signal,
    timer,
    stopped: promise,
    isLate: false,
    stop,
    [Symbol.dispose]() {
      timer[Symbol.dispose]()
      signal.removeEventListener('abort', onAbort)
    },
  }
  return limit
}

async function askAlone<T>(
  peer: PeerId,
  ask: (peer: PeerId, options: Options) => Promise<T>,
  options: FanOutOptions,
): Promise<Answer<T>> {
  using limit = openLimit(options)
  return await askOne(peer, ask, limit)
}

/** Ends with the limit and with the signal also when the task does not heed them. */
async function askOne<T>(
  peer: PeerId,
  ask: (peer: PeerId, options: Options) => Promise<T>,
  limit: Limit,
): Promise<Answer<T>> {
  const { signal, limitMs, stopped } = limit
  try {
    return { peer, value: await Promise.race([ask(peer, { signal }), stopped]) }
  } catch (thrown) {
    if (!limit.isLate) return { peer, error: toClusterError(thrown) }
    const message = `peer ${peer} did not answer within ${limitMs / 1000} s`
    return { peer, error: new ClusterError('TIMEOUT', message, { cause: thrown }) }
  }
}

/** The one answer of a call that answers once. */
export async function onlyAnswer<T>(answers: AsyncIterable<T>): Promise<T> {
  for await (const page of pagesOf(answers)) for (const answer of page) return answer
  throw new ClusterError('PEER_UNREACHABLE', 'the peer ended the call without an answer')
}
