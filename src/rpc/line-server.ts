import { ClusterError } from '../errors.ts'
import type { Options, StreamHandler } from '../interfaces.ts'
import { pagesOf } from '../lib/pages.ts'
import type { PeerId } from '../model/peer.ts'
import { callFromBytes } from './codec.ts'
import { callsFromBytes, type Numbered, repliesToBytes, replyToBytes } from './line-codec.ts'
import { Outbox } from './outbox.ts'
import { isProcedure, isShort } from './procedures.ts'
import { checkTrust, noProcedure, noteFailure, runHandler, type ServerParts } from './server.ts'

/** Streams of one peer; it needs one, and a second while the first is found dead. */
const LINES_MAX = 4
/** Calls of one stream that are under way or whose answers were not taken yet: four times what an honest peer begins. */
const OPEN_MAX = 1024
const OUTPUTS_MAX = 256

/** What answering shared streams needs. */
export interface LineServerParts extends ServerParts {
  readonly onCall: () => void
}

const NOTHING = (async function* () {})()

/**
 * Answers the calls that share a stream, each when it is done, in any order. A peer that begins more than it reads, or
 * says what is not understood, loses the stream.
 */
export function serveLines(parts: LineServerParts): StreamHandler {
  const counts = new Map<PeerId, number>()
  return async function* (input, from, options) {
    const count = (counts.get(from) ?? 0) + 1
    if (count > LINES_MAX) throw new ClusterError('TOO_LARGE', `${from} opens too many streams for calls`)
    counts.set(from, count)
    using line = new ServedLine(parts, from)
    try {
      yield* line.answer(input, options)
    } finally {
      const left = (counts.get(from) ?? 1) - 1
      if (left === 0) counts.delete(from)
      else counts.set(from, left)
    }
  }
}

class ServedLine implements Disposable {
  readonly #parts: LineServerParts
  readonly #from: PeerId
  readonly #outbox = new Outbox<Numbered>()
  readonly #running = new Map<number, AbortController>()
  #openCount = 0
  #isInputOver = false

  constructor(parts: LineServerParts, from: PeerId) {
    this.#parts = parts
    this.#from = from
  }

  async *answer(input: AsyncIterable<Uint8Array>, { signal }: Options): AsyncIterable<Uint8Array> {
    const onAbort = () => this.#outbox.fail(signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
    const reading = this.#read(input).catch((thrown: unknown) => this.#outbox.fail(thrown))
    try {
      for await (const replies of this.#outbox.batches()) {
        yield repliesToBytes(replies)
        this.#openCount -= replies.length
      }
      await reading
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  }

  /** Stops what is under way. */
  [Symbol.dispose](): void {
    this.#outbox.end()
    for (const controller of this.#running.values())
      controller.abort(new DOMException('the stream is closed', 'AbortError'))
  }

  async #read(input: AsyncIterable<Uint8Array>): Promise<void> {
    for await (const message of input) {
      const { calls, cancels } = callsFromBytes(message)
      for (const [id, bytes] of calls) this.#begin(id, bytes)
      for (const id of cancels)
        this.#running.get(id)?.abort(new DOMException('nobody waits any more', 'AbortError'))
    }
    this.#isInputOver = true
    this.#endWhenDone()
  }

  #begin(id: number, bytes: Uint8Array): void {
    if (this.#openCount >= OPEN_MAX) throw new ClusterError('TOO_LARGE', 'too many calls at a time')
    if (this.#running.has(id)) throw new ClusterError('INVALID_ARGUMENT', `call ${id} is under way already`)
    this.#openCount++
    this.#parts.onCall()
    const controller = new AbortController()
    this.#running.set(id, controller)
    void this.#run(id, bytes, controller.signal)
  }

  async #run(id: number, bytes: Uint8Array, signal: AbortSignal): Promise<void> {
    const reply = await this.#replyTo(bytes, signal)
    this.#running.delete(id)
    if (signal.aborted) this.#openCount--
    else this.#outbox.push([id, reply], reply.length)
    this.#endWhenDone()
  }

  /** Never rejects: what goes wrong is the reply's error. */
  async #replyTo(bytes: Uint8Array, signal: AbortSignal): Promise<Uint8Array> {
    const outputs: unknown[] = []
    let name = 'an unknown procedure'
    let isWhole = false
    try {
      const call = callFromBytes(bytes)
      name = call.name.slice(0, 80)
      if (!isProcedure(call.name) || !isShort(call.name)) throw noProcedure(name)
      checkTrust(this.#parts, call.name, this.#from)
      const handler = this.#parts.handlers[call.name]
      const pages = pagesOf(runHandler(call.name, handler, call, NOTHING, this.#from, { signal }))
      for await (const page of pages) {
        outputs.push(...page)
        if (outputs.length > OUTPUTS_MAX)
          throw new ClusterError('TOO_LARGE', `"${name}" has too many answers`)
      }
      isWhole = true
      return replyToBytes({ outputs, error: undefined })
    } catch (thrown) {
      const error = signal.aborted
        ? new ClusterError('NOT_READY', 'the call was given up')
        : noteFailure(this.#parts, name, this.#from, thrown)
      // What could not be written is left out.
      return replyToBytes({ outputs: isWhole ? [] : outputs, error })
    }
  }

  #endWhenDone(): void {
    if (this.#isInputOver && this.#running.size === 0) this.#outbox.end()
  }
}
