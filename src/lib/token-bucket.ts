import type { Clock } from './clock.ts'

/** Lets work through at a rate: up to `capacity` at once, refilled steadily. Who comes when it is empty waits. */
export class TokenBucket {
  readonly #clock: Clock
  readonly #capacity: number
  readonly #perMs: number
  #level: number
  #atMs: number

  constructor(clock: Clock, options: { readonly capacity: number; readonly perSecond: number }) {
    this.#clock = clock
    this.#capacity = options.capacity
    this.#perMs = options.perSecond / 1000
    this.#level = options.capacity
    this.#atMs = clock.monotonic()
  }

  /** Takes tokens now if there are enough of them; false when not, and nothing is taken. */
  tryTake(amount: number): boolean {
    this.#refill()
    if (this.#level < Math.min(amount, this.#capacity)) return false
    this.#level -= amount
    return true
  }

  /** Takes tokens, waiting for those that are missing; who came first goes first. More than the capacity is lent. Who gives up takes none. */
  async take(amount: number, signal: AbortSignal): Promise<void> {
    this.#refill()
    this.#level -= amount
    if (this.#level >= 0) return
    try {
      await this.#clock.sleep(-this.#level / this.#perMs, signal)
    } catch (thrown) {
      this.#level += amount
      throw thrown
    }
  }

  #refill(): void {
    const nowMs = this.#clock.monotonic()
    this.#level = Math.min(this.#capacity, this.#level + (nowMs - this.#atMs) * this.#perMs)
    this.#atMs = nowMs
  }
}
