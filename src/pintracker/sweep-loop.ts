import { messageOf, wasStopped } from '../errors.ts'
import type { Logger } from '../interfaces.ts'
import { backoffMs } from '../lib/backoff.ts'
import { Pause } from '../lib/pause.ts'
import type { Random } from '../lib/random.ts'
import { type IpfsGate, isUnavailable } from './ipfs-gate.ts'
import { type SweepParts, sweep } from './sweep.ts'

/** Between two sweeps at the least, also when the IPFS node comes and goes. */
const SPACING_MS = 10_000
const RETRY_FIRST_MS = 10_000

/** What the loop needs. */
export interface SweepLoopParts extends SweepParts {
  readonly gate: Pick<IpfsGate, 'isOpen' | 'close'>
  readonly random: Random
  readonly logger: Logger
  readonly intervalMs: number
  readonly onSweep: (outcome: 'done' | 'failed') => void
}

/** Sweeps at once and then at every interval; sooner after a failure, and when the IPFS node has come back. */
export class SweepLoop implements AsyncDisposable {
  readonly #parts: SweepLoopParts
  readonly #stopping = new AbortController()
  readonly #pause: Pause
  readonly #done: Promise<void>
  #failures = 0

  constructor(parts: SweepLoopParts) {
    this.#parts = parts
    this.#pause = new Pause(parts.clock, this.#stopping.signal)
    this.#done = this.#run()
  }

  /** Sweeps soon. */
  wake(): void {
    this.#pause.wake()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort(new DOMException('stopped', 'AbortError'))
    await this.#done
  }

  async #run(): Promise<void> {
    const { gate, clock, intervalMs } = this.#parts
    const { signal } = this.#stopping
    while (!signal.aborted) {
      // A closed gate wakes this loop when it opens.
      let waitMs: number | undefined
      if (gate.isOpen) {
        const isDone = await this.#sweep(signal)
        if (isDone) waitMs = intervalMs
        else if (gate.isOpen) waitMs = this.#retryMs()
      }
      const endedMs = clock.monotonic()
      await this.#pause.wait(waitMs)
      const spacingMs = SPACING_MS - (clock.monotonic() - endedMs)
      if (spacingMs > 0 && this.#failures === 0) await this.#pause.wait(spacingMs)
    }
  }

  async #sweep(signal: AbortSignal): Promise<boolean> {
    const { gate, logger, onSweep } = this.#parts
    try {
      const result = await sweep(this.#parts, { signal })
      logger.debug('pinset and IPFS compared', { ...result })
      this.#failures = 0
      onSweep('done')
      return true
    } catch (thrown) {
      if (wasStopped(thrown, signal)) return false
      const reason = messageOf(thrown)
      this.#failures += 1
      onSweep('failed')
      if (isUnavailable(thrown)) gate.close(reason)
      else logger.warn('pinset and IPFS could not be compared: nothing was changed', { reason })
      return false
    }
  }

  #retryMs(): number {
    const { intervalMs, random } = this.#parts
    return backoffMs(
      this.#failures,
      { firstMs: Math.min(RETRY_FIRST_MS, intervalMs), maxMs: intervalMs },
      random,
    )
  }
}
