import type { Clock } from './clock.ts'

/** How long one piece of work may keep the event loop without a turn: a fifth of what a turn may take in all. */
const TURN_MS = 10

/** Resolves in the next turn of the event loop, after everything that has come in meanwhile. */
export function nextTurn(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve))
}

/**
 * Lets the event loop turn in the middle of long work: whoever does it asks after every piece whether it is time.
 *
 *     if (breath.isDue) await breath.taken()
 */
export class Breath {
  readonly #clock: Pick<Clock, 'monotonic'>
  readonly #turnMs: number
  #sinceMs: number

  constructor(clock: Pick<Clock, 'monotonic'>, turnMs = TURN_MS) {
    this.#clock = clock
    this.#turnMs = turnMs
    this.#sinceMs = clock.monotonic()
  }

  /** Whether others have waited for long enough. */
  get isDue(): boolean {
    return this.#clock.monotonic() - this.#sinceMs >= this.#turnMs
  }

  /** The next turn of the event loop. */
  async taken(): Promise<void> {
    await nextTurn()
    this.#sinceMs = this.#clock.monotonic()
  }
}
