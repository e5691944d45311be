import type { Clock } from './clock.ts'

/** A pause that can be cut short: by `wake`, or for good by the signal. Any number of wakes before count once. */
export class Pause {
  readonly #clock: Clock
  readonly #signal: AbortSignal
  #isWoken = false
  #end: (() => void) | undefined

  constructor(clock: Clock, signal: AbortSignal) {
    this.#clock = clock
    this.#signal = signal
    signal.addEventListener('abort', () => this.wake(), { once: true })
  }

  wake(): void {
    this.#isWoken = true
    this.#end?.()
  }

  /** Waits `ms` milliseconds (undefined: without end), or less. */
  async wait(ms: number | undefined): Promise<void> {
    if (!this.#isWoken && !this.#signal.aborted) {
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#end = resolve
      using timers = new DisposableStack()
      if (ms !== undefined) timers.use(this.#clock.schedule(ms, resolve))
      await promise
      this.#end = undefined
    }
    this.#isWoken = false
  }
}
