interface Entry {
  readonly atMs: number
  readonly key: string
}

/**
 * The names that fall due soonest, as many as memory is meant for. Everything that was added and falls due before the
 * horizon is in it; what falls due later was let go of, and has to be looked for again when the horizon is near.
 */
export class SoonestExpiries {
  readonly #max: number
  /** Latest first when sorted. */
  #entries: Entry[] = []
  #isSorted = true
  #soonestMs = Number.POSITIVE_INFINITY
  #horizonMs: number
  #isCut = false

  /** Keeps at least the first `max` of what falls due before the horizon, and less than twice as many. */
  constructor(max: number, horizonMs: number) {
    this.#max = max
    this.#horizonMs = horizonMs
  }

  /** Whether the horizon is nearer than it was meant to be, since there was too much. */
  get isCut(): boolean {
    return this.#isCut
  }

  /** Unix milliseconds. */
  get horizonMs(): number {
    return this.#horizonMs
  }

  get size(): number {
    return this.#entries.length
  }

  add(atMs: number, key: string): void {
    if (atMs >= this.#horizonMs) return
    this.#entries.push({ atMs, key })
    this.#isSorted = false
    if (atMs < this.#soonestMs) this.#soonestMs = atMs
    if (this.#entries.length >= 2 * this.#max) this.#cut()
  }

  /** Takes out what is due, soonest first, at most `limit`. The same name may come twice. */
  takeDue(nowMs: number, limit: number): readonly string[] {
    if (this.#soonestMs > nowMs) return []
    this.#sort()
    const due: string[] = []
    for (
      let last = this.#entries.at(-1);
      last !== undefined && last.atMs <= nowMs;
      last = this.#entries.at(-1)
    ) {
      if (due.length >= limit) break
      due.push(last.key)
      this.#entries.pop()
    }
    this.#soonestMs = this.#entries.at(-1)?.atMs ?? Number.POSITIVE_INFINITY
    return due
  }

  #cut(): void {
    this.#sort()
    const dropped = this.#entries.splice(0, this.#entries.length - this.#max)
    this.#isCut = true
    this.#horizonMs = dropped.at(-1)?.atMs ?? this.#horizonMs
  }

  #sort(): void {
    if (!this.#isSorted) this.#entries.sort((a, b) => b.atMs - a.atMs)
    this.#isSorted = true
  }
}
