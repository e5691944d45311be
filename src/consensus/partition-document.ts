import * as Y from 'yjs'
import { ClusterError } from '../errors.ts'
import { toKey } from '../lib/bytes.ts'
import { splitItem } from './record.ts'
import { encodeState, type LiveItem } from './state.ts'
import { type ItemId, idOfKey, itemKey, MAP_NAME } from './update.ts'
import { type ViewEntry, winnerOf } from './view.ts'

/** What an update changed in a document. */
export interface Applied {
  /** CIDs (bytes as latin1 text) whose live items are others than before. */
  readonly touched: ReadonlySet<string>
  /** Those of them of which nothing lived before. */
  readonly fresh: ReadonlySet<string>
  /** Items that live now and did not before. */
  readonly added: readonly LiveItem[]
  /** Items that lived before and do not now. */
  readonly removed: readonly ItemId[]
}

interface Changes {
  readonly touched: Set<string>
  readonly fresh: Set<string>
  readonly added: LiveItem[]
  readonly removed: ItemId[]
}

/** Heap that one item takes in a loaded document, about: what `bench/document-heap.ts` measures. */
const ITEM_HEAP_BYTES = 900

/** A partition in memory: the Yjs document, and an index from CID to the keys of its live items. */
export class PartitionDocument {
  readonly #partition: number
  readonly #partitionOf: (cid: Uint8Array) => number
  readonly #doc = new Y.Doc({ gc: true, guid: 'partition' })
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
    const changedKeys = new Set<string>()
    const noteKeys = (event: Y.YMapEvent<unknown>) => {
      for (const key of event.keysChanged) changedKeys.add(key)
    }
    this.#map.observe(noteKeys)
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
    }
    if (this.#doc.store.pendingStructs !== null || this.#doc.store.pendingDs !== null) {
      throw new ClusterError('CONFLICT', `partition ${this.#partition} misses what came before an update`)
    }
    if (this.#doc.share.size !== 1) this.#refuse('another type than the map of pins')
    const applied = { touched: new Set<string>(), fresh: new Set<string>(), added: [], removed: [] }
    for (const key of changedKeys) this.#index(key, applied)
    return applied
  }

  #refuse(what: string): never {
    throw new ClusterError('INVALID_ARGUMENT', `an update of partition ${this.#partition} holds ${what}`)
  }

  #index(key: string, { touched, fresh, added, removed }: Changes): void {
    const known = this.#cidByKey.get(key)
    const value = this.#map.get(key)
    this.#itemsCount += known === undefined ? 1 : 0
    if (value === undefined) {
      if (known === undefined) return
      removed.push(idOfKey(key))
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
    if (known === undefined) added.push({ client: id.client, clock: id.clock, value })
    this.#cidByKey.set(key, cidText)
    const keys = this.#keysByCid.get(cidText)
    if (keys === undefined) {
      this.#keysByCid.set(cidText, new Set([key]))
      if (!touched.has(cidText)) fresh.add(cidText)
    } else keys.add(key)
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
    return winnerOf(this.itemsOf(cid))
  }

  /** Writer → clock of its next item. */
  clocks(): Map<number, number> {
    return Y.decodeStateVector(Y.encodeStateVector(this.#doc))
  }

  /** Every item that lives. */
  *items(): Generator<LiveItem> {
    for (const key of this.#cidByKey.keys()) {
      const id = this.#map._map.get(key)?.id
      const value = this.#map.get(key)
      if (id !== undefined && value instanceof Uint8Array) yield { client: id.client, clock: id.clock, value }
    }
  }

  /** CIDs (bytes as latin1 text) of which an item lives. */
  cids(): Iterable<string> {
    return this.#keysByCid.keys()
  }

  /** How many items live. */
  get liveCount(): number {
    return this.#cidByKey.size
  }

  /** Items whose writer and number are still held, but nothing else. */
  get tombstonesCount(): number {
    return this.#itemsCount - this.#cidByKey.size
  }

  /**
   * Clocks that say no more than they must: those of a retired writer end behind the last item of it that lives, since
   * all that it wrote is known.
   */
  settledClocks(retired: ReadonlySet<number>): Map<number, number> {
    const clocks = this.clocks()
    const isTouched = [...clocks.keys()].filter(client => retired.has(client))
    if (isTouched.length === 0) return clocks
    for (const client of isTouched) clocks.delete(client)
    for (const { client, clock } of this.items()) {
      if (retired.has(client) && (clocks.get(client) ?? 0) <= clock) clocks.set(client, clock + 1)
    }
    return clocks
  }

  /** What somebody with these clocks lacks, with all deletions; everything without them. */
  encode(clocks: ReadonlyMap<number, number>, known?: ReadonlyMap<number, number>): Uint8Array {
    return encodeState(clocks, this.items(), known)
  }

  /** Gives its memory back. */
  destroy(): void {
    this.#doc.destroy()
  }
}
