import type { StoreWrite } from '../interfaces.ts'
import type { Documents } from './documents.ts'
import { encodeHead, type Head, xorItem } from './head.ts'
import type { HlcTime } from './hlc.ts'
import { headKey, logKey } from './keys.ts'
import type { PartitionDocument } from './partition-document.ts'
import { encodeChange, type ItemId } from './update.ts'

/** A change of one partition as it goes out to others: the Yjs update, and the CIDs of what it deletes, in order. */
export interface PartitionChange {
  readonly partition: number
  /** When it was made. */
  readonly time: HlcTime
  readonly update: Uint8Array
  readonly deletedCids: readonly Uint8Array[]
}

/** What one batch does to one partition, over the head as committed. */
export class Part {
  readonly partition: number
  readonly clocks: Map<number, number>
  readonly #before: Head
  readonly #documents: Documents
  readonly #live: Uint8Array
  #liveCount: number
  /** Log entries of this batch, in order. The first `#inDocument` of them are in the resident document. */
  readonly #updates: Uint8Array[] = []
  #document: PartitionDocument | undefined
  #inDocument = 0
  #ownFrom = 0
  #ownValues: Uint8Array[] = []
  #ownDeletes: { readonly id: ItemId; readonly cid: Uint8Array }[] = []

  constructor(partition: number, before: Head, documents: Documents) {
    this.partition = partition
    this.clocks = new Map(before.clocks)
    this.#before = before
    this.#documents = documents
    this.#live = Uint8Array.from(before.live)
    this.#liveCount = before.liveCount
  }

  /** Counts an item in that lives now, or out that lived before. */
  mark(id: ItemId, change: 1 | -1): void {
    xorItem(this.#live, id)
    this.#liveCount += change
  }

  /** Adds an item of this writer; answers with its clock. */
  addOwn(client: number, value: Uint8Array): number {
    const clock = this.clocks.get(client) ?? 0
    if (this.#ownValues.length === 0) this.#ownFrom = clock
    this.#ownValues.push(value)
    this.clocks.set(client, clock + 1)
    this.mark({ client, clock }, 1)
    return clock
  }

  /** Deletes a living item of a CID, whoever wrote it. */
  deleteOwn({ client, clock }: ItemId, cid: Uint8Array): void {
    this.#ownDeletes.push({ id: { client, clock }, cid })
    this.mark({ client, clock }, -1)
  }

  /** Makes one change of what this writer did since the last one; undefined when that is nothing. */
  flushOwn(client: number, time: HlcTime): PartitionChange | undefined {
    if (this.#ownValues.length === 0 && this.#ownDeletes.length === 0) return undefined
    // As `encodeChange` sorts deletions; the CIDs follow the same order.
    const deletes = this.#ownDeletes.sort((a, b) => b.id.client - a.id.client || a.id.clock - b.id.clock)
    const update = encodeChange({
      client,
      fromClock: this.#ownFrom,
      values: this.#ownValues,
      deletes: deletes.map(({ id }) => id),
    })
    this.#updates.push(update)
    this.#ownValues = []
    this.#ownDeletes = []
    return { partition: this.partition, time, update, deletedCids: deletes.map(({ cid }) => cid) }
  }

  /** Adds a log entry that no document has seen. */
  log(update: Uint8Array): void {
    this.#updates.push(update)
  }

  /** Adds log entries that the loaded document has in it already. */
  logApplied(updates: readonly Uint8Array[]): void {
    this.#updates.push(...updates)
    this.#inDocument = this.#updates.length
  }

  /** The document with everything that this batch did so far; what is own must have been flushed. */
  async load(): Promise<PartitionDocument> {
    const document = await this.#documents.load(this.partition, this.#before)
    this.#catchUp(document)
    return document
  }

  #catchUp(document: PartitionDocument): void {
    if (document !== this.#document) this.#inDocument = 0
    this.#document = document
    if (this.#inDocument < this.#updates.length) document.apply(this.#updates.slice(this.#inDocument))
    this.#inDocument = this.#updates.length
  }

  /** What to write, and the head after it; undefined when the batch left the partition as it was. */
  finish(): { readonly writes: readonly StoreWrite[]; readonly head: Head } | undefined {
    if (this.#updates.length === 0) return undefined
    let { nextSequence, logCount, logBytes } = this.#before
    const writes: StoreWrite[] = []
    for (const update of this.#updates) {
      writes.push({ key: logKey(this.partition, nextSequence++), value: update })
      logCount++
      logBytes += update.length
    }
    const counts = { live: this.#live, liveCount: this.#liveCount, nextSequence, logCount, logBytes }
    const head: Head = { ...this.#before, clocks: this.clocks, ...counts }
    writes.push({ key: headKey(this.partition), value: encodeHead(head) })
    return { writes, head }
  }

  /** Brings the document, if it is in memory, up to what was just committed. */
  committed(): void {
    const document = this.#documents.resident(this.partition)
    if (document === undefined) return
    this.#catchUp(document)
    this.#documents.weigh(this.partition)
  }

  /** Forgets the document, which saw what was not committed. */
  failed(): void {
    this.#documents.evict(this.partition)
  }
}
