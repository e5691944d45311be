import { ClusterError } from '../errors.ts'

const utf8 = new TextDecoder('utf-8', { fatal: true })

/** Reads what `ByteWriter` wrote. Whatever does not fit throws `INVALID_ARGUMENT`; nothing is allocated before its size is checked. */
export class ByteReader {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  #fail(why: string): never {
    throw new ClusterError('INVALID_ARGUMENT', `bytes are cut or damaged at ${this.#at}: ${why}`)
  }

  byte(): number {
    const value = this.#bytes[this.#at]
    if (value === undefined) this.#fail('end of data')
    this.#at++
    return value
  }

  /** A whole number of at most `max`. */
  uint(max: number = Number.MAX_SAFE_INTEGER): number {
    let value = 0
    let factor = 1
    for (let count = 0; count < 8; count++) {
      const byte = this.byte()
      value += (byte & 0x7f) * factor
      if (byte < 0x80) {
        if (value > max) this.#fail(`${value} is larger than ${max}`)
        return value
      }
      factor *= 128
    }
    return this.#fail('number too long')
  }

  int(): number {
    const value = this.uint()
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2
  }

  /** The next `size` bytes, a view on the input. */
  raw(size: number): Uint8Array {
    if (size > this.#bytes.length - this.#at) this.#fail('end of data')
    const part = this.#bytes.subarray(this.#at, this.#at + size)
    this.#at += size
    return part
  }

  /** Passes over the next `size` bytes. */
  skip(size: number): void {
    if (size > this.#bytes.length - this.#at) this.#fail('end of data')
    this.#at += size
  }

  /** Length of at most `max`, then bytes. */
  bytes(max: number): Uint8Array {
    return this.raw(this.uint(max))
  }

  /** Length of at most `max` bytes, then valid UTF-8. */
  text(max: number): string {
    const part = this.bytes(max)
    try {
      return utf8.decode(part)
    } catch {
      return this.#fail('text is not UTF-8')
    }
  }

  /** How many bytes are left. */
  get left(): number {
    return this.#bytes.length - this.#at
  }

  /** The next byte, which stays the next one; undefined at the end. */
  peek(): number | undefined {
    return this.#bytes[this.#at]
  }

  /** Everything that is left, a view on the input. */
  rest(): Uint8Array {
    return this.raw(this.#bytes.length - this.#at)
  }

  /** Whether everything was read. */
  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length
  }

  /** Fails unless everything was read. */
  end(): void {
    if (!this.isAtEnd) this.#fail('more data than expected')
  }
}
