import type { Stream } from '@libp2p/interface'
import { ClusterError } from '../errors.ts'
import type { Clock } from '../lib/clock.ts'
import type { PeerId } from '../model/peer.ts'
import type { MessageStream } from './exchange.ts'
import { endHeader, FrameParser, frameHeader } from './frame-parser.ts'
import type { Allowance } from './inbound.ts'
import { MESSAGE_BYTES_MAX, STREAM_IDLE_MS } from './limits.ts'
import { toUnreachable } from './unreachable.ts'

/** Bytes held for the reader before the other side is told to pause; what it has sent by then comes on top. */
const UNREAD_BYTES_MAX = 256 * 1024
/** What each piece of them counts for besides its bytes: otherwise any number of tiny ones could pile up. */
const PIECE_BYTES = 256
/** A header and a message up to this size go out as one piece. */
const COPIED_BYTES_MAX = 64 * 1024

/**
 * Messages over a libp2p stream. Back-pressure both ways; a stream over which nothing passes for long is reset, and so is
 * one that holds more than its allowance, which ends with the stream.
 */
export class FramedStream implements MessageStream {
  readonly #stream: Stream
  readonly #peer: PeerId
  readonly #clock: Clock
  readonly #closed = new AbortController()
  readonly closed = this.#closed.signal
  readonly #allowance: Allowance | undefined
  readonly #parser = new FrameParser(MESSAGE_BYTES_MAX)
  readonly #unread: Uint8Array[] = []
  #unreadBytes = 0
  #isResuming = false
  #isSendEnded = false
  #isDeaf = false
  #isGone = false
  #wake: (() => void) | undefined
  #activeAtMs: number
  #idleTimer: Disposable

  constructor(stream: Stream, peer: PeerId, clock: Clock, allowance?: Allowance) {
    this.#allowance = allowance
    this.#stream = stream
    this.#peer = peer
    this.#clock = clock
    this.#activeAtMs = clock.monotonic()
    this.#idleTimer = clock.schedule(STREAM_IDLE_MS, () => this.#checkIdle())
    stream.addEventListener('close', event => this.#onClose(event.error))
    stream.addEventListener('remoteCloseWrite', () => this.#wake?.())
    stream.addEventListener('message', event => this.#onBytes(event.data.subarray()))
    if (stream.status !== 'open' && stream.status !== 'closing') this.#onClose(undefined)
  }

  async send(message: Uint8Array): Promise<void> {
    if (message.length > MESSAGE_BYTES_MAX) {
      throw new ClusterError(
        'TOO_LARGE',
        `a message of ${message.length} bytes exceeds the limit of ${MESSAGE_BYTES_MAX}`,
      )
    }
    const header = frameHeader(message.length)
    if (message.length <= COPIED_BYTES_MAX) {
      const whole = new Uint8Array(header.length + message.length)
      whole.set(header)
      whole.set(message, header.length)
      this.#write(whole)
    } else {
      this.#write(header)
      this.#write(message)
    }
    await this.#drained()
    this.#activeAtMs = this.#clock.monotonic()
  }

  async endSend(): Promise<void> {
    this.#write(endHeader())
    this.#isSendEnded = true
    try {
      await this.#stream.close({ signal: this.closed })
    } catch (thrown) {
      this.closed.throwIfAborted()
      throw toUnreachable(this.#peer, thrown)
    }
  }

  async *receive(): AsyncIterable<Uint8Array> {
    while (true) {
      this.#checkReceiving()
      const bytes = this.#unread.shift()
      if (bytes !== undefined) {
        yield* this.#messagesIn(bytes)
        this.#unreadBytes -= bytes.length + PIECE_BYTES
        this.#count()
        if (this.#unreadBytes < UNREAD_BYTES_MAX) this.#resume()
      } else if (this.#parser.isEnded) {
        return
      } else if (this.#isCut()) {
        this.reset(toUnreachable(this.#peer, new Error('the stream was cut off')))
      } else {
        await this.#woken()
      }
    }
  }

  stopReceiving(): void {
    if (this.#isDeaf) return
    this.#isDeaf = true
    this.#drop()
    // A side that is told to pause would wait to get rid of its input for as long as the stream stands.
    if (this.#stream.readStatus === 'paused') this.#stream.resume()
    this.#stream.closeRead().catch((thrown: unknown) => this.reset(toUnreachable(this.#peer, thrown)))
    this.#wake?.()
  }

  reset(reason: unknown): void {
    if (this.closed.aborted || this.#isOver()) return
    this.#idleTimer[Symbol.dispose]()
    this.#closed.abort(reason)
    this.#stream.abort(reason instanceof Error ? reason : new Error(String(reason)))
    this.#drop()
  }

  #write(bytes: Uint8Array): void {
    this.closed.throwIfAborted()
    try {
      this.#stream.send(bytes)
    } catch (thrown) {
      throw toUnreachable(this.#peer, thrown)
    }
  }

  /** Until all is handed to the connection. (`onDrain` of libp2p waits only the first time.) */
  async #drained(): Promise<void> {
    while (this.#stream.writableNeedsDrain) {
      this.closed.throwIfAborted()
      const { promise, resolve } = Promise.withResolvers<void>()
      const onChange = () => resolve()
      this.#stream.addEventListener('drain', onChange)
      this.#stream.addEventListener('close', onChange)
      try {
        await promise
      } finally {
        this.#stream.removeEventListener('drain', onChange)
        this.#stream.removeEventListener('close', onChange)
      }
      if (this.#stream.status !== 'open' && this.#stream.status !== 'closing') break
    }
    this.closed.throwIfAborted()
  }

  #onBytes(bytes: Uint8Array): void {
    if (this.#isDeaf || this.closed.aborted) return
    this.#activeAtMs = this.#clock.monotonic()
    this.#unread.push(bytes)
    this.#unreadBytes += bytes.length + PIECE_BYTES
    this.#count()
    this.#pauseIfFull()
    this.#wake?.()
  }

  *#messagesIn(bytes: Uint8Array): Generator<Uint8Array> {
    try {
      for (const message of this.#parser.push(bytes)) {
        yield message
        // A message that came before a reset is not handed out after it.
        this.#checkReceiving()
      }
    } catch (thrown) {
      this.reset(toUnreachable(this.#peer, thrown))
      this.closed.throwIfAborted()
      throw thrown
    }
  }

  /** Counts what is held against the peer's share. The stream that asks for more than there is goes. */
  #count(): void {
    try {
      this.#allowance?.hold(this.#unreadBytes + this.#parser.heldBytes)
    } catch (thrown) {
      this.reset(thrown)
    }
  }

  /** Nothing of what was received is needed any more. */
  #drop(): void {
    this.#unread.length = 0
    this.#unreadBytes = 0
    this.#parser.drop()
    this.#count()
    if (this.#isGone) this.#allowance?.[Symbol.dispose]()
  }

  #checkReceiving(): void {
    this.closed.throwIfAborted()
    if (this.#isDeaf) throw new ClusterError('NOT_READY', 'the request was answered')
  }

  #pauseIfFull(): void {
    if (this.#isResuming || this.#unreadBytes < UNREAD_BYTES_MAX) return
    if (this.#stream.readStatus === 'readable') this.#stream.pause()
  }

  /** `resume` hands out what had piled up; a pause in the midst of it would be undone at its end. */
  #resume(): void {
    if (this.#stream.readStatus !== 'paused') return
    this.#isResuming = true
    this.#stream.resume()
    this.#isResuming = false
    this.#pauseIfFull()
  }

  /** Whether both directions came to their end. */
  #isOver(): boolean {
    return this.#parser.isEnded && this.#isSendEnded
  }

  /** Whether nothing more can come though the end was not said. */
  #isCut(): boolean {
    return this.#stream.remoteWriteStatus === 'closed' && this.#stream.readBufferLength === 0
  }

  #onClose(error: Error | undefined): void {
    this.#idleTimer[Symbol.dispose]()
    this.#isGone = true
    if (error !== undefined && !this.closed.aborted && !this.#isOver())
      this.#closed.abort(toUnreachable(this.#peer, error))
    // A handler may still be reading what came before a close in good order.
    if (this.#isDeaf || this.closed.aborted) this.#drop()
    this.#wake?.()
  }

  #checkIdle(): void {
    const idleMs = this.#clock.monotonic() - this.#activeAtMs
    if (idleMs >= STREAM_IDLE_MS) {
      const text = `nothing passed for ${Math.round(idleMs / 1000)} s`
      return this.reset(toUnreachable(this.#peer, new Error(text)))
    }
    this.#idleTimer = this.#clock.schedule(STREAM_IDLE_MS - idleMs, () => this.#checkIdle())
  }

  async #woken(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const onChange = () => resolve()
    this.#wake = onChange
    this.closed.addEventListener('abort', onChange, { once: true })
    try {
      await promise
    } finally {
      this.#wake = undefined
      this.closed.removeEventListener('abort', onChange)
    }
  }
}
