import { ClusterError } from '../errors.ts'
import type { ByteStore, KeyRange, StoreWrite } from '../interfaces.ts'
import { SortedMap } from './sorted-map.ts'

/** States remembered since the last synced batch; older ones are taken for written. */
const UNSYNCED_MAX = 1024
/** Few, so that small tests read several pages too. */
const PAGE_ENTRIES = 8

/** A byte store without a disk, which can lose what a disk would lose. For tests and simulations. */
export interface MemoryStore extends ByteStore {
  /**
   * A new store with what is left after a power cut: everything up to the last synced batch, and of the batches behind
   * it the given share (0 = none, 1 = all), oldest first, as a log is cut. This store is closed by it.
   */
  afterCrash(keptShare: number): MemoryStore
  /** A store with the same entries, as a backup has them: this one goes on, and neither sees the other's writes. */
  copy(): MemoryStore
}

/** Opens an empty store. */
export function openMemoryStore(): MemoryStore {
  return new Memory(SortedMap.empty)
}

class Memory implements MemoryStore {
  #map: SortedMap
  /** States that a crash may fall back to: the synced one, then one for each batch behind it, the present one last. */
  #states: SortedMap[]
  #isOpen = true

  constructor(map: SortedMap) {
    this.#map = map
    this.#states = [map]
  }

  async get(key: Uint8Array): Promise<Uint8Array | undefined> {
    this.#checkOpen()
    return this.#map.get(key)?.slice()
  }

  async getMany(keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]> {
    this.#checkOpen()
    return keys.map(key => this.#map.get(key)?.slice())
  }

  async batch(writes: readonly StoreWrite[], options: { readonly isSynced: boolean }): Promise<void> {
    this.#checkOpen()
    this.#map = this.#map.with(writes)
    if (options.isSynced) this.#states = [this.#map]
    else this.#states.push(this.#map)
    if (this.#states.length > UNSYNCED_MAX) this.#states.shift()
  }

  async reopen(): Promise<void> {
    this.#isOpen = true
  }

  async *entries(range: KeyRange): AsyncIterable<readonly [key: Uint8Array, value: Uint8Array]> {
    for await (const page of this.pages(range)) for (const entry of page) yield entry
  }

  async *pages(range: KeyRange): AsyncIterable<readonly (readonly [key: Uint8Array, value: Uint8Array])[]> {
    this.#checkOpen()
    let page: (readonly [Uint8Array, Uint8Array])[] = []
    for (const [key, value] of this.#map.entries(range)) {
      page.push([key.slice(), value.slice()])
      if (page.length < PAGE_ENTRIES) continue
      yield page
      this.#checkOpen()
      page = []
    }
    if (page.length > 0) yield page
  }

  async *keys(range: KeyRange): AsyncIterable<Uint8Array> {
    for await (const [key] of this.entries(range)) yield key
  }

  async sizeBytes(from: Uint8Array, to: Uint8Array): Promise<number> {
    this.#checkOpen()
    let bytes = 0
    for (const [key, value] of this.#map.entries({ gte: from, lt: to })) bytes += key.length + value.length
    return bytes
  }

  afterCrash(keptShare: number): MemoryStore {
    this.#isOpen = false
    const kept = this.#states[Math.round((this.#states.length - 1) * keptShare)]
    return new Memory(kept ?? this.#map)
  }

  copy(): MemoryStore {
    return new Memory(this.#map)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOpen = false
  }

  #checkOpen(): void {
    if (!this.#isOpen) throw new ClusterError('STORE_FAILED', 'the store in memory is closed')
  }
}
