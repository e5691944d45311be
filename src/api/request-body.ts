import type { IncomingMessage, ServerResponse } from 'node:http'
import { ClusterError } from '../errors.ts'
import type { Clock } from '../lib/clock.ts'

/** What a reader of a body goes by. */
export interface BodyContext {
  readonly clock: Clock
  readonly idleTimeoutMs: number
}

/** How long the rest of a body is read and thrown away so that the client gets to see why it was not wanted. */
const LINGER_MS = 2000
const NEWS = ['readable', 'end', 'close'] as const

/**
 * The body of a request. Nothing is read ahead of whoever asks, and reading may stop at any time without harm to the
 * connection. A client that sends nothing for the idle time-out is given up on with `TIMEOUT`; an aborted signal ends the
 * waiting with its reason.
 */
export async function* readBody(
  request: IncomingMessage,
  signal: AbortSignal,
  { clock, idleTimeoutMs }: BodyContext,
): AsyncIterable<Uint8Array> {
  for (;;) {
    signal.throwIfAborted()
    const chunk: Uint8Array | null = request.read()
    if (chunk !== null) {
      yield chunk
      continue
    }
    if (request.readableEnded) return
    if (request.destroyed) throw hasLeft()
    await newsOf(request, signal, { clock, idleTimeoutMs })
  }
}

function hasLeft(cause?: unknown): ClusterError {
  return new ClusterError('PEER_UNREACHABLE', 'the client has left', { cause })
}

/** Resolves when there may be more to read. Leaves no listener behind, so that the rest can be thrown away at once. */
function newsOf(
  request: IncomingMessage,
  signal: AbortSignal,
  { clock, idleTimeoutMs }: BodyContext,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const onNews = () => {
      clean()
      resolve()
    }
    const fail = (thrown: unknown) => {
      clean()
      reject(thrown)
    }
    const onError = (cause: unknown) => fail(hasLeft(cause))
    const onAbort = () => fail(signal.reason)
    const limit = clock.schedule(idleTimeoutMs, () =>
      fail(new ClusterError('TIMEOUT', `the upload stood still for ${idleTimeoutMs / 1000} s`)),
    )
    const clean = () => {
      limit[Symbol.dispose]()
      for (const event of NEWS) request.off(event, onNews)
      request.off('error', onError)
      signal.removeEventListener('abort', onAbort)
    }
    for (const event of NEWS) request.on(event, onNews)
    request.on('error', onError)
    signal.addEventListener('abort', onAbort)
  })
}

/** Throws away what is left of a body, for a while: closing at once would reset the connection under the answer. */
export async function discardBody(
  request: IncomingMessage,
  response: ServerResponse,
  clock: Clock,
): Promise<void> {
  if (request.readableEnded || request.destroyed || response.destroyed) return
  const over = Promise.withResolvers<void>()
  using _limit = clock.schedule(LINGER_MS, () => over.resolve())
  request.once('end', () => over.resolve())
  request.once('close', () => over.resolve())
  request.resume()
  await over.promise
}
