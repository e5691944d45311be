import { nextTurn } from '../lib/breath.ts'
import type { Clock } from '../lib/clock.ts'

/** What goes out in one message, about. */
const BATCH_BYTES_MAX = 48 * 1024
const BATCH_ITEMS_MAX = 256

/** Something that waits to be sent, and its size. */
interface Waiting<Item> {
  readonly item: Item
  readonly bytes: number
}

/** When a message waits for more to go with it. */
export interface Pace {
  readonly clock: Clock
  /** Whether so much is under way that the other side has work, and its answers will say when to send more. */
  readonly isBusy: () => boolean
  /** How long it waits at most, milliseconds. */
  readonly patienceMs: number
}

/**
 * What waits to be sent over a shared stream. What comes within one turn of the event loop goes out together, since the
 * way of a message costs far more than its content; with a pace, also what comes until `hurry` is called, as in Nagle's
 * algorithm (RFC 896), but for a time that nobody notices. The owner bounds what waits.
 */
export class Outbox<Item> {
  readonly #items: Waiting<Item>[] = []
  readonly #pace: Pace | undefined
  #end: { readonly thrown?: unknown } | undefined
  #wake: (() => void) | undefined
  #hurry: (() => void) | undefined

  constructor(pace?: Pace) {
    this.#pace = pace
  }

  /** How many items wait. */
  get size(): number {
    return this.#items.length
  }

  /** Does nothing once it has ended. */
  push(item: Item, bytes: number): void {
    if (this.#end !== undefined) return
    this.#items.push({ item, bytes })
    this.#wake?.()
    if (this.#items.length >= BATCH_ITEMS_MAX) this.#hurry?.()
  }

  /** Takes back what has not gone out yet; false when it has. */
  withdraw(item: Item): boolean {
    const at = this.#items.findIndex(waiting => waiting.item === item)
    if (at >= 0) this.#items.splice(at, 1)
    return at >= 0
  }

  /** What waits goes out now. */
  hurry(): void {
    this.#hurry?.()
  }

  /** What waits still goes out; then the reader gets the end. */
  end(): void {
    this.#end ??= {}
    this.#wake?.()
    this.#hurry?.()
  }

  /** The reader gets the error at once. */
  fail(thrown: unknown): void {
    this.#end = { thrown }
    this.#items.length = 0
    this.#wake?.()
    this.#hurry?.()
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
        await nextTurn()
        if (this.#pace?.isBusy() === true && this.#end === undefined) await this.#forCompany(this.#pace)
      }
    }
  }

  async #forCompany({ clock, patienceMs }: Pace): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    using _limit = clock.schedule(patienceMs, resolve)
    this.#hurry = resolve
    await promise
    this.#hurry = undefined
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
