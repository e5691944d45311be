const HEAD_BYTES_MAX = 65_536
const LINE_END = Buffer.from('\r\n')
const HEAD_END = Buffer.from('\r\n\r\n')
const NONE: ReadonlyMap<string, string> = new Map()

/** What comes out of the parser. */
export interface AnswerSink {
  /** The status and the headers are known. */
  onHead(): void
  /** Some of the body, in order; the bytes are only lent. */
  onBody(bytes: Buffer): void
}

/** An answer that is not HTTP/1.1 as RFC 9112 has it, or one whose end could not be told from a cut. */
export class MalformedAnswer extends Error {}

type Part = 'head' | 'length' | 'chunk-size' | 'chunk' | 'chunk-end' | 'trailers' | 'over'

/**
 * Reads one HTTP/1.1 answer from pieces of any size. Strict: whatever it does not know is `MalformedAnswer`, since a
 * doubtful end of an answer would pass for a whole one. Header names are in lower case.
 */
export class AnswerParser {
  readonly #sink: AnswerSink
  #part: Part = 'head'
  #left = 0
  #rest: Buffer | undefined
  #hasBytes = false
  status = 0
  headers: ReadonlyMap<string, string> = NONE
  trailers: ReadonlyMap<string, string> = NONE
  /** Whether the connection may carry a further request when this answer is over. */
  isKept = false

  constructor(sink: AnswerSink) {
    this.#sink = sink
  }

  /** Whether the answer came to its end. */
  get isOver(): boolean {
    return this.#part === 'over'
  }

  /** Whether anything of an answer has come. */
  get hasBegun(): boolean {
    return this.#hasBytes
  }

  push(piece: Buffer): void {
    this.#hasBytes = true
    let data = this.#rest === undefined ? piece : Buffer.concat([this.#rest, piece])
    this.#rest = undefined
    while (data.length > 0) {
      if (this.#part === 'over') throw new MalformedAnswer('bytes follow the end of the answer')
      const taken = this.#take(data)
      if (taken === 0) {
        if (data.length > HEAD_BYTES_MAX) throw new MalformedAnswer('a header or a line is too long')
        this.#rest = Buffer.from(data)
        return
      }
      data = data.subarray(taken)
    }
  }

  /** Reads what comes next; answers with how many bytes that was, 0 when more are needed. */
  #take(data: Buffer): number {
    if (this.#part === 'length' || this.#part === 'chunk') return this.#takeBody(data)
    const mark = this.#part === 'head' ? HEAD_END : LINE_END
    const end = data.indexOf(mark)
    if (end < 0) return 0
    const text = data.toString('latin1', 0, end)
    if (this.#part === 'head') this.#readHead(text)
    else if (this.#part === 'chunk-size') this.#readChunkSize(text)
    else if (this.#part === 'trailers') return this.#readTrailers(data, text)
    else if (text === '') this.#part = 'chunk-size'
    else throw new MalformedAnswer('a chunk is longer than it says')
    return end + mark.length
  }

  #takeBody(data: Buffer): number {
    const length = Math.min(this.#left, data.length)
    this.#sink.onBody(length === data.length ? data : data.subarray(0, length))
    this.#left -= length
    if (this.#left === 0) this.#part = this.#part === 'length' ? 'over' : 'chunk-end'
    return length
  }

  #readHead(text: string): void {
    const lines = text.split('\r\n')
    const [, version, status] = /^HTTP\/1\.([01]) (\d{3})(?: |$)/.exec(lines[0] ?? '') ?? []
    if (status === undefined) throw new MalformedAnswer('it does not begin like HTTP/1.1')
    this.status = Number(status)
    // An interim answer: the real one follows.
    if (this.status < 200) return
    this.headers = toFields(lines, 1)
    this.isKept = version === '1' && this.headers.get('connection')?.toLowerCase() !== 'close'
    this.#beginBody()
    this.#sink.onHead()
  }

  #beginBody(): void {
    const length = this.headers.get('content-length')
    const coding = this.headers.get('transfer-encoding')
    if (this.status === 204 || this.status === 304) this.#part = 'over'
    else if (coding?.toLowerCase() === 'chunked' && length === undefined) this.#part = 'chunk-size'
    else if (coding === undefined && length !== undefined && /^\d{1,15}$/.test(length)) {
      this.#left = Number(length)
      this.#part = this.#left === 0 ? 'over' : 'length'
    } else {
      throw new MalformedAnswer(
        'it has neither a length nor chunks, so that its end could not be told from a cut: remove the HTTP/1.0 proxy before the IPFS node',
      )
    }
  }

  #readChunkSize(text: string): void {
    const size = /^([0-9a-fA-F]{1,8})[ \t]*(?:;|$)/.exec(text)?.[1]
    if (size === undefined) throw new MalformedAnswer('the size of a chunk is no number')
    this.#left = Number.parseInt(size, 16)
    this.#part = this.#left === 0 ? 'trailers' : 'chunk'
  }

  /** The lines behind the last chunk, up to the empty one. */
  #readTrailers(data: Buffer, first: string): number {
    if (first === '') {
      this.#part = 'over'
      return LINE_END.length
    }
    const end = data.indexOf(HEAD_END)
    if (end < 0) return 0
    this.trailers = toFields(data.toString('latin1', 0, end).split('\r\n'), 0)
    this.#part = 'over'
    return end + HEAD_END.length
  }
}

function toFields(lines: readonly string[], from: number): ReadonlyMap<string, string> {
  const fields = new Map<string, string>()
  for (let at = from; at < lines.length; at++) {
    const line = lines[at] ?? ''
    const colon = line.indexOf(':')
    if (colon < 1) throw new MalformedAnswer('a header has no name')
    const name = line.slice(0, colon).toLowerCase()
    if (fields.has(name) && (name === 'content-length' || name === 'transfer-encoding'))
      throw new MalformedAnswer(`${name} is there twice`)
    fields.set(name, line.slice(colon + 1).trim())
  }
  return fields
}
