const SLOT_MS = 250

/**
 * Which names are to be tried again when, to a quarter of a second. Times are rounded up, so that nothing comes early.
 * As many slots as the longest wait has quarters of a second: a few thousand at most, however many names wait.
 */
export class RetryTimes {
  readonly #slots = new Map<number, Set<string>>()
  readonly #slotOf = new Map<string, number>()

  /** Sets or moves the time of a name, Unix milliseconds. */
  set(name: string, atMs: number): void {
    this.delete(name)
    const slot = Math.ceil(atMs / SLOT_MS)
    const names = this.#slots.get(slot)
    if (names === undefined) this.#slots.set(slot, new Set([name]))
    else names.add(name)
    this.#slotOf.set(name, slot)
  }

  delete(name: string): void {
    const slot = this.#slotOf.get(name)
    if (slot === undefined) return
    this.#slotOf.delete(name)
    const names = this.#slots.get(slot)
    names?.delete(name)
    if (names?.size === 0) this.#slots.delete(slot)
  }

  /** When the first name falls due; undefined when none waits. */
  get nextMs(): number | undefined {
    let first = Number.POSITIVE_INFINITY
    for (const slot of this.#slots.keys()) first = Math.min(first, slot)
    return first === Number.POSITIVE_INFINITY ? undefined : first * SLOT_MS
  }

  /** Takes out the names that are due, the longest due first. */
  takeDue(nowMs: number): string[] {
    const due = [...this.#slots.keys()].filter(slot => slot * SLOT_MS <= nowMs).sort((a, b) => a - b)
    const names: string[] = []
    for (const slot of due) {
      for (const name of this.#slots.get(slot) ?? []) {
        this.#slotOf.delete(name)
        names.push(name)
      }
      this.#slots.delete(slot)
    }
    return names
  }
}
