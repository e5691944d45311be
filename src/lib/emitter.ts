/** Listeners of one kind of event. A listener that throws is a broken program: the throw is not caught. */
export class Emitter<Event> {
  readonly #listeners = new Set<(event: Event) => void>()

  /** Whether anybody listens: telling may be more work than it is worth. */
  get hasListeners(): boolean {
    return this.#listeners.size > 0
  }

  /** Adds a listener until the answer is disposed. */
  on(listener: (event: Event) => void): Disposable {
    const own = (event: Event) => listener(event)
    this.#listeners.add(own)
    return { [Symbol.dispose]: () => void this.#listeners.delete(own) }
  }

  /** Calls every listener, in the order in which they were added. */
  emit(event: Event): void {
    for (const listener of this.#listeners) listener(event)
  }
}
