/** What goes out in one message, about. */
const BATCH_BYTES_MAX = 48 * 1024
const BATCH_ITEMS_MAX = 256

/** Something that waits to be sent, and its size. */
interface Waiting<Item> {
  readonly item: Item
  readonly bytes: number
}

/**
 * What waits to be sent over a shared stream. What comes within one turn of the event loop goes out together, since the
 * way of a message costs far more than its content. The owner bounds what waits.
 */
export class Outbox<Item> {
  readonly #items: Waiting<Item>[] = []
  #end: { readonly thrown?: unknown } | undefined
  #wake: (() => void) | undefined

  /** Does nothing once it has ended. */
  push(item: Item, bytes: number): void {
    if (this.#end !== undefined) return
    this.#items.push({ item, bytes })
    this.#wake?.()
  }

  /** What waits still goes out; then the reader gets the end. */
  end(): void {
    this.#end ??= {}
    this.#wake?.()
  }

  /** The reader gets the error at once. */
  fail(thrown: unknown): void {
    this.#end = { thrown }
    this.#items.length = 0
    this.#wake?.()
  }

  /** What waits, in groups of a bounded size; an item that is larger goes alone. For one reader. */
  async *batches(): AsyncGenerator<readonly Item[]> {
    while (true) {
      if (this.#items.length > 0) {
        yield this.#take()
      } else if (this.#end !== undefined) {
        if ('thrown' in this.#end) throw this.#end.thrown
        return
      } else {
        await new Promise<void>(resolve => {
          this.#wake = resolve
        })
        this.#wake = undefined
        await new Promise<void>(resolve => setImmediate(resolve))
      }
    }
  }

  #take(): readonly Item[] {
    let bytes = 0
    let count = 0
    for (const waiting of this.#items) {
      bytes += waiting.bytes
      if (count > 0 && (bytes > BATCH_BYTES_MAX || count >= BATCH_ITEMS_MAX)) break
      count++
    }
    return this.#items.splice(0, count).map(({ item }) => item)
  }
}
