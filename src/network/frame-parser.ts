import { ClusterError } from '../errors.ts'

const HEADER_BYTES = 4
/** Stands where a length would: no further message follows. */
const END = 0xff_ff_ff_ff

/**
 * The bytes before a message: its length, 4 bytes, most significant first. The end of a direction is said in the same
 * place and not by closing alone: a connection that closes in good order half-closes its streams, and a listing that
 * was cut off would pass for a whole one.
 */
export function frameHeader(lengthBytes: number): Uint8Array {
  const header = new Uint8Array(HEADER_BYTES)
  new DataView(header.buffer).setUint32(0, lengthBytes)
  return header
}

/** What is sent after the last message. */
export function endHeader(): Uint8Array {
  return frameHeader(END)
}

const FIRST_BYTES = 1024
const NOTHING = new Uint8Array(0)

/**
 * Cuts a stream of bytes into messages. Holds at most one unfinished message in one buffer that grows with what came, at
 * most to twice that: neither the announced length nor the number of pieces that it comes in costs anything.
 */
export class FrameParser {
  readonly #messageBytesMax: number
  #buffer = NOTHING
  #bufferedBytes = 0
  #expectedBytes: number | undefined
  #isEnded = false

  constructor(messageBytesMax: number) {
    this.#messageBytesMax = messageBytesMax
  }

  /** Whether the other side said that no further message follows. */
  get isEnded(): boolean {
    return this.#isEnded
  }

  /** Bytes kept for the unfinished message. */
  get heldBytes(): number {
    return this.#buffer.length
  }

  /** Lets go of the unfinished message: nothing more will be asked for. */
  drop(): void {
    this.#buffer = NOTHING
    this.#bufferedBytes = 0
  }

  /**
   * Takes bytes and answers with the messages that they complete, each made when it is asked for: eight megabytes may be
   * two million messages. Throws `TOO_LARGE` at the header of a message.
   */
  *push(chunk: Uint8Array): Generator<Uint8Array> {
    let rest = chunk
    while (rest.length > 0) {
      if (this.#isEnded) throw new ClusterError('INVALID_ARGUMENT', 'bytes follow the end of a stream')
      const wantedBytes = this.#expectedBytes ?? HEADER_BYTES
      const part = rest.subarray(0, wantedBytes - this.#bufferedBytes)
      rest = rest.subarray(part.length)
      const isWhole = this.#bufferedBytes + part.length === wantedBytes
      let whole = isWhole && this.#bufferedBytes === 0 ? part.slice() : undefined
      if (whole === undefined) {
        this.#keep(part, wantedBytes)
        if (!isWhole) continue
        whole = this.#buffer.slice(0, wantedBytes)
        this.#buffer = NOTHING
        this.#bufferedBytes = 0
      }
      const isMessage = this.#expectedBytes !== undefined
      this.#expectedBytes = isMessage ? undefined : this.#readHeader(whole)
      if (isMessage) yield whole
      else if (this.#expectedBytes === 0) {
        this.#expectedBytes = undefined
        yield NOTHING
      }
    }
  }

  #keep(part: Uint8Array, wantedBytes: number): void {
    const length = this.#bufferedBytes + part.length
    if (length > this.#buffer.length) {
      const larger = new Uint8Array(
        Math.min(wantedBytes, Math.max(length, 2 * this.#buffer.length, FIRST_BYTES)),
      )
      larger.set(this.#buffer.subarray(0, this.#bufferedBytes))
      this.#buffer = larger
    }
    this.#buffer.set(part, this.#bufferedBytes)
    this.#bufferedBytes = length
  }

  /** The length that a header announces; undefined when it is the end. */
  #readHeader(header: Uint8Array): number | undefined {
    const length = new DataView(header.buffer, header.byteOffset).getUint32(0)
    if (length === END) {
      this.#isEnded = true
      return undefined
    }
    if (length > this.#messageBytesMax) {
      throw new ClusterError(
        'TOO_LARGE',
        `a message of ${length} bytes exceeds the limit of ${this.#messageBytesMax}`,
      )
    }
    return length
  }
}
