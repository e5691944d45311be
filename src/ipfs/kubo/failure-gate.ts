import type { Clock } from '../../lib/clock.ts'

const FAILURES_BEFORE_LIMIT = 10
const SLOT_MS = 1000

/**
 * Spares a node that does not answer: after more than 10 failed connections in a row, requests go out one a second,
 * until one is answered.
 */
export class FailureGate {
  readonly #clock: Clock
  #failures = 0
  #nextSlotAt = 0
  #limit = new AbortController()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Resolves when the next request may go out. */
  async pass(signal: AbortSignal): Promise<void> {
    const now = this.#clock.monotonic()
    const slotAt = Math.max(now, this.#nextSlotAt)
    this.#nextSlotAt = slotAt + SLOT_MS
    if (slotAt === now) return
    const lifted = this.#limit.signal
    try {
      await this.#clock.sleep(slotAt - now, AbortSignal.any([signal, lifted]))
    } catch (thrown) {
      if (!signal.aborted && lifted.aborted) return
      // Somebody else takes the slot: if all gave up before theirs, nobody would ever ask.
      this.#nextSlotAt -= SLOT_MS
      throw thrown
    }
  }

  /** Whether requests must pass one by one. */
  get isLimited(): boolean {
    return this.#failures > FAILURES_BEFORE_LIMIT
  }

  /** A connection failed. */
  failed(): void {
    this.#failures++
    if (this.#failures === FAILURES_BEFORE_LIMIT + 1) this.#nextSlotAt = this.#clock.monotonic() + SLOT_MS
  }

  /** The node answered, whatever it said. */
  answered(): void {
    if (this.isLimited) {
      this.#limit.abort(new DOMException('the node answers again', 'AbortError'))
      this.#limit = new AbortController()
    }
    this.#failures = 0
  }
}
