const FIRST_BYTES = 512
/** Buffers of writers that are done, for the next ones: most writers are short-lived and many. */
const spare: Buffer<ArrayBuffer>[] = []
const SPARE_MAX = 16
const NOTHING = Buffer.alloc(0)

/** Builds a byte string piece by piece. Numbers are LEB128 variable-length integers up to 2^53 - 1. */
export class ByteWriter {
  #bytes: Buffer<ArrayBuffer> = spare.pop() ?? Buffer.allocUnsafeSlow(FIRST_BYTES)
  #length = 0

  #room(size: number): void {
    if (this.#length + size <= this.#bytes.length) return
    const larger = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#length + size))
    this.#bytes.copy(larger, 0, 0, this.#length)
    this.#bytes = larger
  }

  /** One byte. */
  byte(value: number): this {
    this.#room(1)
    this.#bytes[this.#length++] = value
    return this
  }

  /** A whole number from 0 to 2^53 - 1. */
  uint(value: number): this {
    this.#room(8)
    let rest = value
    while (rest > 0x7f) {
      this.#bytes[this.#length++] = 0x80 | (rest % 128)
      rest = Math.floor(rest / 128)
    }
    this.#bytes[this.#length++] = rest
    return this
  }

  /** A whole number of either sign, small ones short (zigzag). */
  int(value: number): this {
    return this.uint(value < 0 ? -2 * value - 1 : 2 * value)
  }

  /** Bytes as they are. */
  raw(bytes: Uint8Array): this {
    this.#room(bytes.length)
    this.#bytes.set(bytes, this.#length)
    this.#length += bytes.length
    return this
  }

  /** Length, then bytes. */
  bytes(bytes: Uint8Array): this {
    return this.uint(bytes.length).raw(bytes)
  }

  /** Length in UTF-8 bytes, then text. */
  text(text: string): this {
    const size = Buffer.byteLength(text)
    this.uint(size)
    this.#room(size)
    this.#bytes.write(text, this.#length, 'utf8')
    this.#length += size
    return this
  }

  /** What was written, as a plain `Uint8Array` of its own. The writer is empty after that. */
  finish(): Uint8Array {
    const written = new Uint8Array(this.#length)
    written.set(this.#bytes.subarray(0, this.#length))
    if (this.#bytes.length === FIRST_BYTES && spare.length < SPARE_MAX) spare.push(this.#bytes)
    this.#bytes = NOTHING
    this.#length = 0
    return written
  }

  /** Bytes written so far. */
  get length(): number {
    return this.#length
  }
}
