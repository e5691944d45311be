import { ClusterError } from '../../errors.ts'
import type { Clock } from '../../lib/clock.ts'
import { openStallTimer, type StallTimer } from '../stall-timer.ts'
import type { RpcAddress } from './address.ts'
import { parseLine } from './answer.ts'
import type { AnswerParser } from './answer-parser.ts'
import { type Connection, Connections, type Waiting } from './connections.ts'
import type { FailureGate } from './failure-gate.ts'
import { limitReached, REFUSAL_BYTES_MAX, type RpcCall, refusalIn, refused, unavailable } from './rpc-call.ts'

const ANSWER_BYTES_MAX = 67_108_864
const LINE_BYTES_MAX = 1_048_576
const LINE_END = 0x0a

/**
 * Requests without a body whose answers are small: each is read as it comes, without streams in between, which for the
 * pins of a busy peer makes most of the difference. Written on sockets, since `node:http` costs three times as much for
 * a call, and neither `fetch` nor Kubo's JavaScript client hand out the trailer `X-Stream-Error`.
 */
export class ShortCalls implements Disposable {
  readonly #clock: Clock
  readonly #address: RpcAddress
  readonly #gate: FailureGate
  readonly #connections: Connections
  readonly #host: string

  constructor(clock: Clock, address: RpcAddress, gate: FailureGate) {
    this.#clock = clock
    this.#address = address
    this.#gate = gate
    this.#connections = new Connections(address)
    this.#host = 'socketPath' in address ? 'localhost' : hostHeader(address.host, address.port)
  }

  /** The one JSON value of an answer, undefined when it is empty. Errors as in `Ipfs`. */
  async ask(call: RpcCall): Promise<unknown> {
    const parts: Buffer[] = []
    let bytes = 0
    await this.#send(call, (piece, touch) => {
      touch()
      bytes += piece.length
      if (bytes > ANSWER_BYTES_MAX) throw refused(call.what, 'its answer is too long')
      // The bytes are only lent.
      parts.push(Buffer.from(piece))
    })
    const text = parts.length === 1 ? String(parts[0]) : Buffer.concat(parts).toString()
    return text.trim() === '' ? undefined : parseLine(text, call.what)
  }

  /**
   * Calls `onLine` with each JSON value of an answer that has one a line. Only `touch` is progress, not the arrival of
   * bytes. Throws when the answer is cut, anywhere, or ends with `X-Stream-Error`.
   */
  async readLines(call: RpcCall, onLine: (line: unknown, touch: () => void) => void): Promise<void> {
    let rest: Buffer | undefined
    await this.#send(call, (piece, touch) => {
      const data = rest === undefined ? piece : Buffer.concat([rest, piece])
      const end = data.lastIndexOf(LINE_END) + 1
      rest = end === data.length ? undefined : Buffer.from(data.subarray(end))
      if (rest !== undefined && rest.length > LINE_BYTES_MAX)
        throw refused(call.what, 'a line of its answer is too long')
      for (const line of data.toString('utf8', 0, end).split('\n')) {
        if (line !== '') onLine(parseLine(line, call.what), touch)
      }
    })
    const last = rest?.toString().trim() ?? ''
    if (last !== '') onLine(parseLine(last, call.what), () => undefined)
  }

  /** Closes the connections; calls that are under way fail. */
  [Symbol.dispose](): void {
    this.#connections[Symbol.dispose]()
  }

  async #send(call: RpcCall, onBody: (piece: Buffer, touch: () => void) => void): Promise<void> {
    call.signal.throwIfAborted()
    if (this.#gate.isLimited) await this.#gate.pass(call.signal)
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const exchange = new Exchange(call, onBody, {
      clock: this.#clock,
      gate: this.#gate,
      addressText: this.#address.text,
      done: resolve,
      fail: reject,
      again: () => this.#begin(call, exchange, true),
    })
    try {
      this.#begin(call, exchange, false)
      await promise
    } finally {
      exchange[Symbol.dispose]()
    }
  }

  #begin(call: RpcCall, exchange: Exchange, isFresh: boolean): void {
    const head = `POST /api/v0/${call.path} HTTP/1.1\r\nHost: ${this.#host}\r\nContent-Length: 0\r\n\r\n`
    this.#connections.take(isFresh, {
      isWanted: () => !exchange.isOver,
      send: connection => exchange.begin(connection, head),
      drop: reason => exchange.onFailure(reason, false),
    })
  }
}

interface ExchangeParts {
  readonly clock: Clock
  readonly gate: FailureGate
  readonly addressText: string
  readonly done: () => void
  readonly fail: (thrown: unknown) => void
  /** Sends the same request over a fresh connection. */
  readonly again: () => void
}

/** One call under way. */
class Exchange implements Waiting, Disposable {
  readonly #call: RpcCall
  readonly #take: (piece: Buffer, touch: () => void) => void
  readonly #parts: ExchangeParts
  readonly #timer: StallTimer
  readonly #touch = () => this.#timer.touch()
  readonly #onAbort = () => this.#stop(this.#call.signal.reason)
  #connection: Connection | undefined
  #parser: AnswerParser | undefined
  #refusal = ''
  #wasResent = false
  isOver = false

  constructor(call: RpcCall, take: (piece: Buffer, touch: () => void) => void, parts: ExchangeParts) {
    this.#call = call
    this.#take = take
    this.#parts = parts
    this.#timer = openStallTimer(parts.clock, call.limitMs, () =>
      this.#stop(call.onLimit?.() ?? limitReached(call)),
    )
    call.signal.addEventListener('abort', this.#onAbort, { once: true })
  }

  begin(connection: Connection, head: string): void {
    this.#connection = connection
    this.#parser = connection.send(head, this)
  }

  onHead(): void {
    this.#parts.gate.answered()
    this.#timer.touch()
  }

  onBody(piece: Buffer): void {
    if (this.#parser?.status === 200) this.#take(piece, this.#touch)
    else if (this.#refusal.length < REFUSAL_BYTES_MAX) this.#refusal += piece.toString()
  }

  onEnd({ status, trailers }: AnswerParser): void {
    this.#connection = undefined
    this.isOver = true
    const { what } = this.#call
    const streamError = trailers.get('x-stream-error')
    if (status !== 200) this.#parts.fail(refusalIn(what, status, this.#refusal))
    else if (streamError !== undefined) this.#parts.fail(refused(what, streamError))
    else this.#parts.done()
  }

  onFailure(thrown: Error, isStale: boolean): void {
    this.#connection = undefined
    if (this.isOver) return
    if (isStale && !this.#wasResent) {
      this.#wasResent = true
      return this.#parts.again()
    }
    this.isOver = true
    this.#parts.gate.failed()
    this.#parts.fail(
      thrown instanceof ClusterError ? thrown : unavailable(this.#parts.addressText, this.#call, thrown),
    )
  }

  [Symbol.dispose](): void {
    this.#timer[Symbol.dispose]()
    this.#call.signal.removeEventListener('abort', this.#onAbort)
  }

  /** Given up on this side: the connection goes with it, so that the node stops its work too. */
  #stop(reason: unknown): void {
    if (this.isOver) return
    this.isOver = true
    this.#parts.fail(reason)
    this.#connection?.destroy(new Error('given up'))
  }
}

function hostHeader(host: string, port: number): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`
}
