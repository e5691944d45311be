import { ClusterError } from '../errors.ts'
import { concatBytes } from '../lib/bytes.ts'

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

/** Cuts a stream of bytes into messages. Holds at most one unfinished message, and reserves nothing ahead of its bytes. */
export class FrameParser {
  readonly #messageBytesMax: number
  #chunks: Uint8Array[] = []
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

  /** Takes bytes and answers with the messages that they complete. Throws `TOO_LARGE` at the header of a message. */
  push(chunk: Uint8Array): Uint8Array[] {
    if (this.#isEnded) throw new ClusterError('INVALID_ARGUMENT', 'bytes follow the end of a stream')
    if (chunk.length > 0) this.#chunks.push(chunk)
    this.#bufferedBytes += chunk.length
    const messages: Uint8Array[] = []
    while (!this.#isEnded) {
      if (this.#expectedBytes === undefined && !this.#readHeader()) break
      if (this.#expectedBytes === undefined || this.#bufferedBytes < this.#expectedBytes) break
      messages.push(this.#take(this.#expectedBytes))
      this.#expectedBytes = undefined
    }
    return messages
  }

  #readHeader(): boolean {
    if (this.#bufferedBytes < HEADER_BYTES) return false
    const header = this.#take(HEADER_BYTES)
    const length = new DataView(header.buffer, header.byteOffset).getUint32(0)
    if (length === END) {
      this.#isEnded = true
      return false
    }
    if (length > this.#messageBytesMax) {
      throw new ClusterError(
        'TOO_LARGE',
        `a message of ${length} bytes exceeds the limit of ${this.#messageBytesMax}`,
      )
    }
    this.#expectedBytes = length
    return true
  }

  /** The next bytes, copied out of the chunks that they came in. */
  #take(lengthBytes: number): Uint8Array {
    const parts: Uint8Array[] = []
    let left = lengthBytes
    while (left > 0) {
      const chunk = this.#chunks[0]
      if (chunk === undefined) break
      parts.push(chunk.subarray(0, left))
      if (chunk.length <= left) this.#chunks.shift()
      else this.#chunks[0] = chunk.subarray(left)
      left -= Math.min(left, chunk.length)
    }
    this.#bufferedBytes -= lengthBytes
    return concatBytes(parts)
  }
}
