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

/** Cuts what comes over a stream into messages. `push` throws for lengths beyond the limit. */
export class FrameCutter {
  #parts: Uint8Array[] = []
  #bytes = 0

  /** The messages that are complete now. */
  push(part: Uint8Array): readonly Uint8Array[] {
    this.#parts.push(part)
    this.#bytes += part.length
    const messages: Uint8Array[] = []
    for (let message = this.#cut(); message !== undefined; message = this.#cut()) messages.push(message)
    return messages
  }

  #cut(): Uint8Array | undefined {
    const header = this.#header()
    if (header === undefined || this.#bytes < header.size + header.length) return undefined
    const whole = this.#parts.length === 1 ? (this.#parts[0] ?? new Uint8Array()) : concatBytes(this.#parts)
    const end = header.size + header.length
    const rest = whole.subarray(end)
    this.#parts = rest.length === 0 ? [] : [rest]
    this.#bytes = rest.length
    return whole.subarray(header.size, end)
  }

  #header(): { readonly size: number; readonly length: number } | undefined {
    let length = 0
    let size = 0
    for (const part of this.#parts) {
      for (const byte of part) {
        length += (byte & 0x7f) * 2 ** (7 * size)
        size++
        if (length > MESSAGE_BYTES_MAX || size > HEADER_BYTES_MAX)
          throw new Error(`a message of ${length} bytes`)
        if (byte < 0x80) return { size, length }
      }
    }
    return undefined
  }
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
