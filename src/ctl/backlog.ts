import { type NumberedLine, readLineChunks } from '../lib/line-chunks.ts'

/** Bounds of what is kept for sending again. */
const LINES_MAX = 20_000
const CHARACTERS_MAX = 32 * 1024 * 1024
const LIMITS = { charactersMax: 1024 * 1024, linesMax: 1000 }

/**
 * The lines of a source that are not answered yet. When a connection is lost they can be sent again, although the source
 * can be read only once. What waits is bounded: the source is not read on while too much of it is unanswered.
 */
export class Backlog {
  readonly #source: AsyncIterator<readonly NumberedLine[]>
  readonly #onTooLong: (line: number) => void
  #lines: { readonly line: number; readonly text: string }[] = []
  /** How many of `#lines` are answered, and how many were before them. */
  #answered = 0
  #dropped = 0
  #characters = 0
  #isEnded = false
  #filling: Promise<void> | undefined
  #room = Promise.withResolvers<void>()

  /** `onTooLong` is told of lines that are not sent. */
  constructor(source: AsyncIterable<Uint8Array>, onTooLong: (line: number) => void) {
    this.#source = readLineChunks(source, LIMITS)[Symbol.asyncIterator]()
    this.#onTooLong = onTooLong
  }

  /** Whether everything was read and answered. */
  get isDone(): boolean {
    return this.#isEnded && this.#answered === this.#lines.length
  }

  /** Number of the first line that is not answered; undefined when there is none. */
  get firstLine(): number | undefined {
    return this.#lines[this.#answered]?.line
  }

  /** The next line is answered: its number, or undefined when none was sent. */
  take(): number | undefined {
    const next = this.#lines[this.#answered]
    if (next === undefined) return undefined
    this.#answered++
    this.#characters -= next.text.length
    if (this.#answered >= LIMITS.linesMax) {
      this.#lines = this.#lines.slice(this.#answered)
      this.#dropped += this.#answered
      this.#answered = 0
    }
    this.#room.resolve()
    this.#room = Promise.withResolvers()
    return next.line
  }

  /** The body of a request: everything from the first unanswered line on. */
  async *body(): AsyncIterable<Uint8Array> {
    let sent = this.#dropped + this.#answered
    for (;;) {
      const from = Math.max(0, sent - this.#dropped)
      const some = this.#lines.slice(from, from + LIMITS.linesMax)
      if (some.length > 0) {
        sent = this.#dropped + from + some.length
        yield Buffer.from(some.map(({ text }) => `${text}\n`).join(''))
      } else if (this.#isEnded) return
      else if (this.#isFull) await this.#room.promise
      else await this.#fill()
    }
  }

  get #isFull(): boolean {
    return this.#lines.length - this.#answered >= LINES_MAX || this.#characters >= CHARACTERS_MAX
  }

  /** Reads on, once for all who wait: the body of a lost connection may still do. */
  #fill(): Promise<void> {
    this.#filling ??= this.#read()
    return this.#filling
  }

  async #read(): Promise<void> {
    try {
      const { value, done } = await this.#source.next()
      if (done === true) this.#isEnded = true
      else for (const { line, text } of value) this.#keep(line, text)
    } finally {
      this.#filling = undefined
    }
  }

  #keep(line: number, text: string | undefined): void {
    if (text === undefined) return this.#onTooLong(line)
    this.#lines.push({ line, text })
    this.#characters += text.length
  }
}
