import type { ByteStore, KeyRange, StoreWrite } from '../interfaces.ts'

/**
 * A store that takes no more writes since one failed (a full disk, say) is opened again before the next write, so that
 * whoever writes goes on by itself once the disk has room. The failed write stays failed.
 */
export function healing(store: ByteStore): ByteStore {
  return new HealingStore(store)
}

class HealingStore implements ByteStore {
  readonly #store: ByteStore
  #hasFailed = false
  #opening: Promise<void> | undefined

  constructor(store: ByteStore) {
    this.#store = store
  }

  get(key: Uint8Array): Promise<Uint8Array | undefined> {
    return this.#store.get(key)
  }

  getMany(keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]> {
    return this.#store.getMany(keys)
  }

  async batch(writes: readonly StoreWrite[], options: { readonly isSynced: boolean }): Promise<void> {
    if (this.#hasFailed) await this.reopen()
    try {
      await this.#store.batch(writes, options)
    } catch (thrown) {
      this.#hasFailed = true
      throw thrown
    }
  }

  entries(range: KeyRange): AsyncIterable<readonly [key: Uint8Array, value: Uint8Array]> {
    return this.#store.entries(range)
  }

  pages(range: KeyRange): AsyncIterable<readonly (readonly [key: Uint8Array, value: Uint8Array])[]> {
    return this.#store.pages(range)
  }

  keys(range: KeyRange): AsyncIterable<Uint8Array> {
    return this.#store.keys(range)
  }

  async reopen(): Promise<void> {
    this.#opening ??= this.#reopen().finally(() => {
      this.#opening = undefined
    })
    await this.#opening
  }

  sizeBytes(from: Uint8Array, to: Uint8Array): Promise<number> {
    return this.#store.sizeBytes(from, to)
  }

  [Symbol.asyncDispose](): PromiseLike<void> {
    return this.#store[Symbol.asyncDispose]()
  }

  async #reopen(): Promise<void> {
    await this.#store.reopen()
    this.#hasFailed = false
  }
}
