import { ClusterError } from '../../src/errors.ts'
import type { MessageStream } from '../../src/network/exchange.ts'

/** How messages travel between the two ends. */
export interface PipeOptions {
  /** Runs the task after the delay of one message. */
  readonly later: (task: () => void) => void
  /** Whether the stream breaks with the next message. */
  readonly isCut: () => boolean
  readonly toFailure: (why: string) => ClusterError
  readonly messageBytesMax: number
}

/** One end of a stream in memory. */
export type FakeStream = MessageStream

/** Messages under way or unread before `send` waits. */
const CAPACITY = 4

/** Both ends of a stream: what one sends the other receives, in order. */
export function pipePair(options: PipeOptions): readonly [FakeStream, FakeStream] {
  const there = new Pipe(options)
  const back = new Pipe(options)
  const first: End = new End(there, back, options, reason => second.resetByOther(reason))
  const second: End = new End(back, there, options, reason => first.resetByOther(reason))
  return [first, second]
}

class End implements MessageStream {
  readonly #out: Pipe
  readonly #in: Pipe
  readonly #options: PipeOptions
  readonly #tellOther: (why: string) => void
  readonly #closed = new AbortController()
  readonly closed = this.#closed.signal

  constructor(out: Pipe, incoming: Pipe, options: PipeOptions, tellOther: (why: string) => void) {
    this.#out = out
    this.#in = incoming
    this.#options = options
    this.#tellOther = tellOther
  }

  async send(message: Uint8Array): Promise<void> {
    this.closed.throwIfAborted()
    if (message.length > this.#options.messageBytesMax) {
      throw new ClusterError('TOO_LARGE', `a message of ${message.length} bytes exceeds the limit`)
    }
    if (this.#options.isCut()) this.reset(this.#options.toFailure('the stream broke'))
    await this.#out.send(message.slice(), this.closed)
  }

  async endSend(): Promise<void> {
    this.closed.throwIfAborted()
    this.#out.end()
  }

  receive(): AsyncIterable<Uint8Array> {
    return this.#in.receive(this.closed)
  }

  stopReceiving(): void {
    // What waits to be read is bounded by the capacity of the pipe; the asking side lets go with the end of the answer.
  }

  reset(reason: unknown): void {
    if (this.closed.aborted || (this.#in.isOver && this.#out.isOver)) return
    this.#closed.abort(reason)
    this.#options.later(() => this.#tellOther('the other side reset the stream'))
  }

  resetByOther(why: string): void {
    if (this.closed.aborted || (this.#in.isOver && this.#out.isOver)) return
    this.#closed.abort(this.#options.toFailure(why))
  }
}

/** One direction. */
class Pipe {
  readonly #later: (task: () => void) => void
  readonly #arrived: (Uint8Array | undefined)[] = []
  readonly #arriving: (Uint8Array | undefined)[] = []
  #wakeReceiver: (() => void) | undefined
  #wakeSender: (() => void) | undefined
  /** The receiver has read everything up to the end. */
  isOver = false

  constructor({ later }: PipeOptions) {
    this.#later = later
  }

  async send(message: Uint8Array, closed: AbortSignal): Promise<void> {
    while (this.#arriving.length + this.#arrived.length >= CAPACITY) {
      await waitFor(closed, wake => {
        this.#wakeSender = wake
      })
    }
    closed.throwIfAborted()
    this.#put(message)
  }

  end(): void {
    this.#put(undefined)
  }

  async *receive(closed: AbortSignal): AsyncIterable<Uint8Array> {
    while (true) {
      closed.throwIfAborted()
      if (this.#arrived.length === 0) {
        await waitFor(closed, wake => {
          this.#wakeReceiver = wake
        })
        continue
      }
      const message = this.#arrived.shift()
      if (message === undefined) {
        this.isOver = true
        return
      }
      this.#wakeSender?.()
      yield message
    }
  }

  /** Messages have delays of their own but keep their order: whichever delay ends releases the oldest. */
  #put(message: Uint8Array | undefined): void {
    this.#arriving.push(message)
    this.#later(() => {
      this.#arrived.push(this.#arriving.shift())
      this.#wakeReceiver?.()
    })
  }
}

/** Waits until woken; throws the signal's reason when it aborts. */
async function waitFor(signal: AbortSignal, begin: (wake: () => void) => void): Promise<void> {
  signal.throwIfAborted()
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const onAbort = () => reject(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  begin(resolve)
  try {
    await promise
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}
