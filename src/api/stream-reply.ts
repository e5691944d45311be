import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { ClusterError } from '../errors.ts'
import type { Clock } from '../lib/clock.ts'

/** Documents that come faster than the connection takes them are sent in pieces of about this size. */
const PIECE_CHARACTERS = 64 * 1024

/**
 * Writes newline-delimited documents to an answer. What comes within one turn of the event loop goes out in one piece;
 * nothing waits longer than that. Whoever writes waits while the reader is slow.
 */
export class DocumentWriter {
  readonly #response: ServerResponse
  readonly #clock: Clock
  readonly #idleTimeoutMs: number
  #text = ''
  #flush: NodeJS.Immediate | undefined

  constructor(response: ServerResponse, clock: Clock, idleTimeoutMs: number) {
    this.#response = response
    this.#clock = clock
    this.#idleTimeoutMs = idleTimeoutMs
  }

  /** Takes a document; false when the writer is to wait for `hasRoom`. */
  write(document: string): boolean {
    this.#text += `${document}\n`
    if (this.#text.length >= PIECE_CHARACTERS) this.flush()
    else this.#flush ??= setImmediate(() => this.flush())
    return !this.#response.writableNeedDrain
  }

  /** Hands over what was written so far. */
  flush(): void {
    clearImmediate(this.#flush)
    this.#flush = undefined
    const text = this.#text
    this.#text = ''
    if (text !== '' && !this.#response.destroyed) this.#response.write(text)
  }

  /** Cuts off a reader that does not keep up. */
  giveUp(): void {
    this.#response.destroy(new ClusterError('TIMEOUT', 'the client does not read the answer'))
  }

  /** Resolves when the reader has caught up. A reader that stands still for the idle time-out is cut off. */
  async hasRoom(signal: AbortSignal): Promise<void> {
    if (!this.#response.writableNeedDrain) return
    using _limit = this.#clock.schedule(this.#idleTimeoutMs, () => this.giveUp())
    await once(this.#response, 'drain', { signal })
  }
}

/** Text that may stand in a header or trailer: on one line, in UTF-8. */
export function toHeaderText(text: string): string {
  return Buffer.from(text.replace(/\p{Cc}+/gu, ' '), 'utf8').toString('latin1')
}
