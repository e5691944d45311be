import type { Stream } from '@libp2p/interface'
import { concatBytes } from '../../../lib/bytes.ts'
import { MESSAGE_BYTES_MAX } from './message.ts'

const HEADER_BYTES_MAX = 8

/** A message with its length before it, as a varint. */
export function frame(message: Uint8Array): Uint8Array {
  const header: number[] = []
  let rest = message.length
  for (; rest > 0x7f; rest = Math.floor(rest / 128)) header.push(0x80 | (rest % 128))
  header.push(rest)
  return concatBytes([Uint8Array.from(header), message])
}

/**
 * Cuts what comes over a stream into messages. Holds at most twice what has come of the unfinished one, however small the
 * pieces are that it comes in. `push` throws for lengths beyond the limit.
 */
export class FrameCutter {
  #buffer: Uint8Array = new Uint8Array()
  #length = 0

  /** The messages that are complete now. */
  push(part: Uint8Array): readonly Uint8Array[] {
    this.#append(part)
    const messages: Uint8Array[] = []
    let rest = this.#buffer.subarray(0, this.#length)
    for (let header = headerOf(rest); header !== undefined; header = headerOf(rest)) {
      const end = header.size + header.length
      if (rest.length < end) break
      messages.push(rest.subarray(header.size, end))
      rest = rest.subarray(end)
    }
    if (messages.length > 0) {
      this.#buffer = rest.slice()
      this.#length = rest.length
    }
    return messages
  }

  #append(part: Uint8Array): void {
    const length = this.#length + part.length
    if (this.#length === 0) this.#buffer = part
    else {
      if (length > this.#buffer.length) {
        const larger = new Uint8Array(Math.max(length, 2 * this.#buffer.length))
        larger.set(this.#buffer.subarray(0, this.#length))
        this.#buffer = larger
      }
      this.#buffer.set(part, this.#length)
    }
    this.#length = length
  }
}

function headerOf(bytes: Uint8Array): { readonly size: number; readonly length: number } | undefined {
  let length = 0
  let size = 0
  for (const byte of bytes) {
    length += (byte & 0x7f) * 2 ** (7 * size)
    size++
    if (length > MESSAGE_BYTES_MAX || size > HEADER_BYTES_MAX) throw new Error(`a message of ${length} bytes`)
    if (byte < 0x80) return { size, length }
  }
  return undefined
}

/** Resolves when the stream takes more. (`onDrain` of libp2p waits only the first time.) Throws when it has ended. */
export async function drained(stream: Stream, signal: AbortSignal): Promise<void> {
  while (stream.writableNeedsDrain && stream.status === 'open') {
    const { promise, resolve } = Promise.withResolvers<void>()
    const onChange = () => resolve()
    stream.addEventListener('drain', onChange)
    stream.addEventListener('close', onChange)
    signal.addEventListener('abort', onChange)
    try {
      await promise
    } finally {
      stream.removeEventListener('drain', onChange)
      stream.removeEventListener('close', onChange)
      signal.removeEventListener('abort', onChange)
    }
    signal.throwIfAborted()
  }
}
