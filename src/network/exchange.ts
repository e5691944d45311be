import type { Options, StreamHandler } from '../interfaces.ts'
import { unlessAborted } from '../lib/unless-aborted.ts'
import type { PeerId } from '../model/peer.ts'

/** Both directions of one request between two peers, in whole messages. */
export interface MessageStream {
  /** Aborts when the stream is reset, by either side, with what goes for the reason on this side. */
  readonly closed: AbortSignal
  /** Resolves when there is room for the next message. Throws when the stream was reset. */
  send(message: Uint8Array): Promise<void>
  /** Says that no further message follows; the other direction stays open. */
  endSend(): Promise<void>
  /** The other side's messages until it ends them. Throws when the stream was reset. */
  receive(): AsyncIterable<Uint8Array>
  /** Drops what came and still comes; what waits in `receive` throws. The other direction stays open. */
  stopReceiving(): void
  /** Ends both directions at once; what waits here throws the reason. Does nothing to a stream that is over. */
  reset(reason: unknown): void
}

/**
 * The asking side of a request: sends the input while it yields the answers. Ends with the answers; input that is left
 * is not read. An aborted signal, a failing input and a caller that stops reading reset the stream.
 * `onLateError` is told what the input throws when nobody waits for it any more.
 */
export async function* ask(
  stream: MessageStream,
  input: AsyncIterable<Uint8Array>,
  options: Options & { readonly onLateError: (thrown: unknown) => void },
): AsyncIterable<Uint8Array> {
  const { signal } = options
  const over = new AbortController()
  const onAbort = () => stream.reset(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  let inputFailure: { readonly thrown: unknown } | undefined
  const stop = AbortSignal.any([over.signal, stream.closed])
  const sending = sendAll(stream, input, stop, options.onLateError).catch((thrown: unknown) => {
    if (stop.aborted) return
    inputFailure = { thrown }
    stream.reset(thrown)
  })
  try {
    signal.throwIfAborted()
    yield* stream.receive()
  } catch (thrown) {
    signal.throwIfAborted()
    throw inputFailure === undefined ? thrown : inputFailure.thrown
  } finally {
    signal.removeEventListener('abort', onAbort)
    over.abort(new DOMException('nobody reads the answer any more', 'AbortError'))
    stream.reset(over.signal.reason)
    await sending
  }
}

/**
 * The answering side of a request. The handler's signal aborts when the stream is reset or `options.signal` aborts;
 * what the handler throws resets the stream and is thrown.
 */
export async function answer(
  stream: MessageStream,
  handler: StreamHandler,
  from: PeerId,
  options: Options,
): Promise<void> {
  const signal = AbortSignal.any([options.signal, stream.closed])
  const onAbort = () => stream.reset(options.signal.reason)
  options.signal.addEventListener('abort', onAbort, { once: true })
  try {
    signal.throwIfAborted()
    for await (const message of handler(stream.receive(), from, { signal })) await stream.send(message)
    stream.stopReceiving()
    await stream.endSend()
  } catch (thrown) {
    stream.reset(thrown)
    throw thrown
  } finally {
    options.signal.removeEventListener('abort', onAbort)
  }
}

/** Sends everything and ends the direction. Lets go of the input as soon as `stop` aborts, also while waiting for it. */
async function sendAll(
  stream: MessageStream,
  input: AsyncIterable<Uint8Array>,
  stop: AbortSignal,
  onLateError: (thrown: unknown) => void,
): Promise<void> {
  const iterator = input[Symbol.asyncIterator]()
  let isFinished = false
  try {
    while (true) {
      stop.throwIfAborted()
      const step = await unlessAborted(iterator.next(), stop)
      if (step.done === true) break
      await stream.send(step.value)
    }
    isFinished = true
    await stream.endSend()
  } finally {
    if (!isFinished) Promise.resolve(iterator.return?.()).catch(onLateError)
  }
}
