/**
 * First in, first out, each name once; any name can be taken out in between. All in constant time: the one iterator
 * lives on between calls, since a new one would walk over the holes that removed names leave at the front of a `Set`.
 */
export class NameQueue {
  readonly #names = new Set<string>()
  #next = this.#names.values()
  #head: string | undefined

  get size(): number {
    return this.#names.size
  }

  has(name: string): boolean {
    return this.#names.has(name)
  }

  /** Puts a name at the end; one that is in the queue keeps its place. */
  add(name: string): void {
    this.#names.add(name)
  }

  delete(name: string): boolean {
    if (this.#head === name) this.#head = undefined
    return this.#names.delete(name)
  }

  /** The name whose turn it is, which stays. */
  peek(): string | undefined {
    if (this.#head !== undefined || this.#names.size === 0) return this.#head
    let step = this.#next.next()
    if (step.done === true) {
      this.#next = this.#names.values()
      step = this.#next.next()
    }
    this.#head = step.value
    return this.#head
  }

  take(): string | undefined {
    const name = this.peek()
    if (name !== undefined) this.delete(name)
    return name
  }
}
