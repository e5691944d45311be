import { wasStopped } from '../errors.ts'
import { type BackoffLimits, backoffMs } from './backoff.ts'
import type { Clock } from './clock.ts'
import { Pause } from './pause.ts'
import type { Random } from './random.ts'

/** What a loop needs. */
export interface RetryLoopParts {
  readonly clock: Clock
  readonly random: Random
  /** How long to wait after steps that failed. */
  readonly retry: BackoffLimits
  /** Called with what a step threw; the loop goes on. */
  readonly onFailure: (thrown: unknown) => void
}

/**
 * Does one step after the other until disposed. A step that finds nothing to do waits on the pause, which `wake` cuts short, as it does
 * the wait after a step that threw: ever longer until one succeeds. Disposal aborts the signal and waits for the step under way.
 */
export class RetryLoop implements AsyncDisposable {
  readonly #stopping = new AbortController()
  readonly #pause: Pause
  readonly #done: Promise<void>

  constructor(parts: RetryLoopParts, step: (pause: Pause, signal: AbortSignal) => Promise<void>) {
    this.#pause = new Pause(parts.clock, this.#stopping.signal)
    this.#done = this.#run(parts, step)
  }

  wake(): void {
    this.#pause.wake()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort(new DOMException('stopped', 'AbortError'))
    await this.#done
  }

  async #run(
    { random, retry, onFailure }: RetryLoopParts,
    step: (pause: Pause, signal: AbortSignal) => Promise<void>,
  ): Promise<void> {
    const { signal } = this.#stopping
    for (let failures = 0; !signal.aborted; ) {
      try {
        await step(this.#pause, signal)
        failures = 0
      } catch (thrown) {
        if (wasStopped(thrown, signal)) return
        failures += 1
        onFailure(thrown)
        await this.#pause.wait(backoffMs(failures, retry, random))
      }
    }
  }
}
