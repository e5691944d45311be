import { createHash } from 'node:crypto'

/** What goes wrong with the daemon, as an oracle saw it. Ends the run. */
export class Violation extends Error {
  override readonly name = 'Violation'
}

/**
 * The story of a run: every event with its simulated time. Two runs with the same seed have the same digest; the last lines
 * are kept to be shown when a run fails.
 */
export class Trace {
  readonly #hash = createHash('sha256')
  readonly #nowMs: () => number
  readonly #tell: ((line: string) => void) | undefined
  eventsCount = 0

  constructor(nowMs: () => number, tell?: (line: string) => void) {
    this.#nowMs = nowMs
    this.#tell = tell
  }

  /** Notes an event. */
  add(text: string): void {
    this.eventsCount++
    const line = `${(this.#nowMs() / 1000).toFixed(3)} ${text}`
    this.#hash.update(line).update('\n')
    this.#tell?.(line)
  }

  /** Hash over everything so far. */
  digest(): string {
    return this.#hash.copy().digest('hex').slice(0, 32)
  }
}
