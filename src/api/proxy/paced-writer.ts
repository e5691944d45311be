import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { ClusterError } from '../../errors.ts'
import type { Clock } from '../../lib/clock.ts'

/** By what, and how long, clients are waited for. */
export interface PaceContext {
  readonly clock: Clock
  readonly idleTimeoutMs: number
}

/** Writes to an answer as fast as its reader takes it. A reader that stands still for the idle time-out is cut off. */
export class PacedWriter {
  readonly #response: ServerResponse
  readonly #context: PaceContext

  constructor(response: ServerResponse, context: PaceContext) {
    this.#response = response
    this.#context = context
  }

  /** Resolves when there is room for more. */
  async write(piece: string | Uint8Array, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    if (this.#response.write(piece)) return
    using _limit = this.#context.clock.schedule(this.#context.idleTimeoutMs, () => {
      this.#response.destroy(new ClusterError('TIMEOUT', 'the client does not read the answer'))
    })
    await once(this.#response, 'drain', { signal })
  }
}
