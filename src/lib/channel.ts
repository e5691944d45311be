import assert from 'node:assert'

/** How much may wait in a channel; the cost of an item is counted in the same unit. */
export interface ChannelOptions<Item> {
  readonly max: number
  readonly costOf: (item: Item) => number
}

/**
 * A queue with one reader and back-pressure: `push` resolves when the reader has made room again.
 * When the reader stops, what waits is dropped and later pushes resolve at once with false.
 */
export class Channel<Item> implements AsyncIterable<Item> {
  readonly #options: ChannelOptions<Item>
  readonly #items: Item[] = []
  #cost = 0
  #isClosed = false
  #isAbandoned = false
  #isRead = false
  #reader = Promise.withResolvers<void>()
  #room = Promise.withResolvers<void>()

  constructor(options: ChannelOptions<Item>) {
    this.#options = options
  }

  /** Appends an item; resolves with true once less than `max` waits, or with false when nobody reads any more. */
  async push(item: Item): Promise<boolean> {
    assert(!this.#isClosed, 'the channel is open')
    if (this.#isAbandoned) return false
    this.#items.push(item)
    this.#cost += this.#options.costOf(item)
    this.#reader.resolve()
    while (this.#cost >= this.#options.max && !this.#isAbandoned) await this.#room.promise
    return !this.#isAbandoned
  }

  /** The reader gets what waits, and then the end. */
  close(): void {
    this.#isClosed = true
    this.#reader.resolve()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Item> {
    assert(!this.#isRead, 'a channel has one reader')
    this.#isRead = true
    try {
      for (;;) {
        const item = this.#items.shift()
        if (item !== undefined) {
          this.#cost -= this.#options.costOf(item)
          this.#makeRoom()
          yield item
        } else if (this.#isClosed || this.#isAbandoned) return
        else {
          this.#reader = Promise.withResolvers()
          await this.#reader.promise
        }
      }
    } finally {
      this.abandon()
    }
  }

  /** Nobody reads any more, or ever will. */
  abandon(): void {
    this.#isAbandoned = true
    this.#items.length = 0
    this.#cost = 0
    this.#makeRoom()
    this.#reader.resolve()
  }

  #makeRoom(): void {
    this.#room.resolve()
    this.#room = Promise.withResolvers()
  }
}
