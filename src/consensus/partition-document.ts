import * as Y from 'yjs'
import { ClusterError } from '../errors.ts'
import { toKey } from '../lib/bytes.ts'
import { splitItem } from './record.ts'
import { type ItemId, itemKey, MAP_NAME } from './update.ts'
import { type ViewEntry, winsOver } from './view.ts'

/** What an update changed in a document. */
export interface Applied {
  /** CIDs (bytes as latin1 text) whose live items are others than before. */
  readonly touched: ReadonlySet<string>
  /** Items that are deleted now and were not before. */
  readonly deleted: readonly ItemId[]
}

/** Heap that one item takes in a loaded document, about: what `bench/document-heap.ts` measures. */
const ITEM_HEAP_BYTES = 900

/** A partition in memory: the Yjs document, and an index from CID to the keys of its live items. */
export class PartitionDocument {
  readonly #partition: number
  readonly #partitionOf: (cid: Uint8Array) => number
  readonly #doc = new Y.Doc({ gc: true })
  readonly #map = this.#doc.getMap<unknown>(MAP_NAME)
  readonly #keysByCid = new Map<string, Set<string>>()
  readonly #cidByKey = new Map<string, string>()
  #itemsCount = 0

  constructor(partition: number, partitionOf: (cid: Uint8Array) => number) {
    this.#partition = partition
    this.#partitionOf = partitionOf
  }

  /** Heap that it takes, about. */
  get heapBytes(): number {
    return 2000 + this.#itemsCount * ITEM_HEAP_BYTES
  }

  /**
   * Applies updates in one transaction. Throws `INVALID_ARGUMENT` when they hold something else than entries of this
   * partition, `CONFLICT` when something before them is missing; the document must not be used after that.
   */
  apply(updates: readonly Uint8Array[]): Applied {
    const deleted: ItemId[] = []
    const changedKeys = new Set<string>()
    const noteKeys = (event: Y.YMapEvent<unknown>) => {
      for (const key of event.keysChanged) changedKeys.add(key)
    }
    const noteDeleted = (transaction: Y.Transaction) => {
      for (const [client, runs] of transaction.deleteSet.clients) {
        for (const run of runs) {
          for (let offset = 0; offset < run.len; offset++) deleted.push({ client, clock: run.clock + offset })
        }
      }
    }
    this.#map.observe(noteKeys)
    this.#doc.on('afterTransaction', noteDeleted)
    try {
      this.#doc.transact(() => {
        for (const update of updates) Y.applyUpdate(this.#doc, update)
      })
    } catch (cause) {
      throw new ClusterError('INVALID_ARGUMENT', `an update of partition ${this.#partition} can't be read`, {
        cause,
      })
    } finally {
      this.#map.unobserve(noteKeys)
      this.#doc.off('afterTransaction', noteDeleted)
    }
    if (this.#doc.store.pendingStructs !== null || this.#doc.store.pendingDs !== null) {
      throw new ClusterError('CONFLICT', `partition ${this.#partition} misses what came before an update`)
    }
    if (this.#doc.share.size !== 1) this.#refuse('another type than the map of pins')
    const touched = new Set<string>()
    for (const key of changedKeys) this.#index(key, touched)
    return { touched, deleted }
  }

  #refuse(what: string): never {
    throw new ClusterError('INVALID_ARGUMENT', `an update of partition ${this.#partition} holds ${what}`)
  }

  #index(key: string, touched: Set<string>): void {
    const known = this.#cidByKey.get(key)
    const value = this.#map.get(key)
    this.#itemsCount += known === undefined ? 1 : 0
    if (value === undefined) {
      if (known === undefined) return
      this.#cidByKey.delete(key)
      const keys = this.#keysByCid.get(known)
      keys?.delete(key)
      if (keys?.size === 0) this.#keysByCid.delete(known)
      touched.add(known)
      return
    }
    const id = this.#map._map.get(key)?.id
    if (id === undefined || itemKey(id) !== key) this.#refuse('an entry under a foreign key')
    if (!(value instanceof Uint8Array)) this.#refuse('a value that is no pin')
    const { cid } = splitItem(value)
    if (this.#partitionOf(cid) !== this.#partition) this.#refuse('a pin of another partition')
    const cidText = toKey(cid)
    this.#cidByKey.set(key, cidText)
    const keys = this.#keysByCid.get(cidText)
    if (keys === undefined) this.#keysByCid.set(cidText, new Set([key]))
    else keys.add(key)
    touched.add(cidText)
  }

  /** Every live item of a CID (bytes as latin1 text). */
  itemsOf(cid: string): ViewEntry[] {
    const items: ViewEntry[] = []
    for (const key of this.#keysByCid.get(cid) ?? []) {
      const id = this.#map._map.get(key)?.id
      const value = this.#map.get(key)
      if (id === undefined || !(value instanceof Uint8Array)) continue
      items.push({ client: id.client, clock: id.clock, isSole: true, record: splitItem(value).record })
    }
    return items
  }

  /** The winning item of a CID, undefined when none lives. */
  entryOf(cid: string): ViewEntry | undefined {
    const items = this.itemsOf(cid)
    let winner: ViewEntry | undefined
    for (const item of items) if (winner === undefined || winsOver(item, winner)) winner = item
    return winner === undefined ? undefined : { ...winner, isSole: items.length === 1 }
  }

  /** Writer → clock of its next item. */
  clocks(): Map<number, number> {
    return Y.decodeStateVector(Y.encodeStateVector(this.#doc))
  }

  /** What somebody with these clocks lacks, with all deletions; everything without them. */
  encode(clocks?: ReadonlyMap<number, number>): Uint8Array {
    return clocks === undefined
      ? Y.encodeStateAsUpdate(this.#doc)
      : Y.encodeStateAsUpdate(this.#doc, Y.encodeStateVector(new Map(clocks)))
  }

  /** Gives its memory back. */
  destroy(): void {
    this.#doc.destroy()
  }
}
