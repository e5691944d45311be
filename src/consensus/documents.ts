import { ClusterError } from '../errors.ts'
import type { ByteStore } from '../interfaces.ts'
import type { Head } from './head.ts'
import { logKeysOf, snapshotKey } from './keys.ts'
import { PartitionDocument } from './partition-document.ts'

/** The partitions that are in memory: loaded when needed, the longest unused evicted when the budget is spent. */
export class Documents {
  readonly #store: Pick<ByteStore, 'getMany'>
  readonly #partitionOf: (cid: Uint8Array) => number
  readonly #budgetBytes: number
  readonly #onDamaged: (partition: number) => void
  readonly #resident = new Map<number, { readonly document: PartitionDocument; heapBytes: number }>()
  #heapBytes = 0

  constructor(
    store: Pick<ByteStore, 'getMany'>,
    options: {
      partitionOf: (cid: Uint8Array) => number
      budgetBytes: number
      /** Told of a partition of which something on disk is missing. */
      onDamaged: (partition: number) => void
    },
  ) {
    this.#store = store
    this.#partitionOf = options.partitionOf
    this.#budgetBytes = options.budgetBytes
    this.#onDamaged = options.onDamaged
  }

  /** Heap of the documents in memory, about. */
  get heapBytes(): number {
    return this.#heapBytes
  }

  /** The document if it is in memory. */
  resident(partition: number): PartitionDocument | undefined {
    return this.#resident.get(partition)?.document
  }

  /** The document as committed in the store. `STORE_FAILED` when something of it is missing there. */
  async load(partition: number, head: Head): Promise<PartitionDocument> {
    const known = this.#resident.get(partition)
    if (known !== undefined) {
      this.#resident.delete(partition)
      this.#resident.set(partition, known)
      return known.document
    }
    const document = new PartitionDocument(partition, this.#partitionOf)
    const updates = await this.readUpdates(partition, head)
    try {
      document.apply(updates)
    } catch (cause) {
      throw this.#damaged(partition, cause)
    }
    this.#resident.set(partition, { document, heapBytes: 0 })
    this.weigh(partition)
    return document
  }

  /** Snapshot and log of a partition, in order. */
  async readUpdates(partition: number, head: Head): Promise<Uint8Array[]> {
    const keys = [snapshotKey(partition), ...logKeysOf(partition, head)]
    const [snapshot, ...log] = await this.#store.getMany(keys)
    const updates = [snapshot, ...log].filter(update => update !== undefined)
    const isSnapshotWhole = (snapshot?.length ?? 0) === head.snapshotBytes
    if (isSnapshotWhole && log.every(update => update !== undefined)) return updates
    throw this.#damaged(partition)
  }

  #damaged(partition: number, cause?: unknown): ClusterError {
    this.#onDamaged(partition)
    return new ClusterError('STORE_FAILED', `partition ${partition} of the pinset on disk is damaged`, {
      cause,
    })
  }

  /** Counts a document anew after it changed, and evicts others when there are too many. */
  weigh(partition: number): void {
    const entry = this.#resident.get(partition)
    if (entry === undefined) return
    this.#heapBytes += entry.document.heapBytes - entry.heapBytes
    entry.heapBytes = entry.document.heapBytes
    for (const oldest of this.#resident.keys()) {
      if (this.#heapBytes <= this.#budgetBytes || oldest === partition) break
      this.evict(oldest)
    }
  }

  /** Forgets a document: the next use reads it from the store. */
  evict(partition: number): void {
    const entry = this.#resident.get(partition)
    if (entry === undefined) return
    this.#resident.delete(partition)
    this.#heapBytes -= entry.heapBytes
    entry.document.destroy()
  }

  /** Forgets all of them. */
  clear(): void {
    for (const partition of this.#resident.keys()) this.evict(partition)
  }
}
