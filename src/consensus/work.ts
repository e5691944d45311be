import { ClusterError } from '../errors.ts'
import type { StoreWrite } from '../interfaces.ts'
import { fromKey, toKey } from '../lib/bytes.ts'
import { cidFromBytes } from '../model/cid.ts'
import { isSameRequest, type Pin } from '../model/pin.ts'
import type { Documents } from './documents.ts'
import { EMPTY_HEAD, encodeHead, type Head, hashOfDeleted, xorInto } from './head.ts'
import type { Hlc } from './hlc.ts'
import { headKey, logKey, viewKey } from './keys.ts'
import type { PartitionDocument } from './partition-document.ts'
import { decodeRecord, encodeItem, encodeRecord, splitItem } from './record.ts'
import { type Change, encodeChange, type ItemId } from './update.ts'
import { decodeViewEntry, encodeViewEntry, pinOfEntry, type ViewEntry, winsOver } from './view.ts'

/** What a batch of changes is worked out against: the committed state, and this writer. */
export interface WorkContext {
  readonly client: number
  readonly hlc: Hlc
  readonly heads: ReadonlyMap<number, Head>
  readonly documents: Documents
  readonly partitionOf: (cid: Uint8Array) => number
  /** Told of a record whose time lies too far ahead to be followed. */
  readonly onDrift: (aheadOf: number) => void
}

/** A change of one partition as it goes out to others: the Yjs update, and the CIDs of what it deletes, in order. */
export interface PartitionChange {
  readonly partition: number
  readonly epoch: number
  readonly update: Uint8Array
  readonly deletedCids: readonly Uint8Array[]
}

interface Part {
  readonly partition: number
  readonly before: Head
  readonly clocks: Map<number, number>
  readonly deleted: Uint8Array
  deletedCount: number
  /** Log entries of this batch, in order. The first `inDocument` of them are in the resident document. */
  readonly updates: Uint8Array[]
  document: PartitionDocument | undefined
  inDocument: number
  ownFrom: number
  ownValues: Uint8Array[]
  ownDeletes: ItemId[]
  ownDeletedCids: Uint8Array[]
}

interface Seen {
  readonly cid: Uint8Array
  readonly before: ViewEntry | undefined
  now: ViewEntry | undefined
}

/**
 * One batch of changes, worked out in memory over the committed state and written in one atomic step. Until then
 * nothing of it shows, and when the write fails it is forgotten as a whole.
 */
export class Work {
  readonly #context: WorkContext
  readonly #view = new Map<string, Seen>()
  readonly #parts = new Map<number, Part>()
  readonly #own: PartitionChange[] = []

  constructor(context: WorkContext) {
    this.#context = context
  }

  /** CIDs whose stored entries `receive` needs for a change whose values have been framed correctly. */
  static cidsOf({
    change,
    deletedCids,
  }: {
    readonly change: Change
    readonly deletedCids: readonly Uint8Array[]
  }): Uint8Array[] {
    return [...deletedCids, ...change.values.map(value => splitItem(value).cid)]
  }

  /** Gives the stored view entry of a CID, undefined when it has none. Every CID must be given before it is used. */
  know(cid: Uint8Array, stored: Uint8Array | undefined): void {
    const key = toKey(cid)
    if (this.#view.has(key)) return
    const entry = stored === undefined ? undefined : decodeViewEntry(stored)
    this.#view.set(key, { cid, before: entry, now: entry })
  }

  /** Adds or replaces a pin. What is pinned the same way already is left alone. */
  async put(pin: Pin): Promise<void> {
    const cid = pin.cid.bytes
    const seen = this.#seen(cid)
    if (seen.now !== undefined && isSameRequest(pinOfEntry(pin.cid, seen.now), pin)) return
    const part = this.#part(this.#context.partitionOf(cid))
    await this.#deleteItems(part, seen)
    const { client, hlc } = this.#context
    const clock = part.clocks.get(client) ?? 0
    const record = encodeRecord({ time: hlc.tick(), pin })
    if (part.ownValues.length === 0) part.ownFrom = clock
    part.ownValues.push(encodeItem(cid, record))
    part.clocks.set(client, clock + 1)
    seen.now = { isSole: true, client, clock, record }
  }

  /** Removes a pin; done also when there is none. */
  async remove(cid: Uint8Array): Promise<void> {
    const seen = this.#seen(cid)
    if (seen.now === undefined) return
    await this.#deleteItems(this.#part(this.#context.partitionOf(cid)), seen)
    seen.now = undefined
  }

  async #deleteItems(part: Part, seen: Seen): Promise<void> {
    if (seen.now === undefined) return
    const items = seen.now.isSole ? [seen.now] : (await this.#document(part)).itemsOf(toKey(seen.cid))
    for (const { client, clock } of items) {
      part.ownDeletes.push({ client, clock })
      part.ownDeletedCids.push(seen.cid)
      this.#markDeleted(part, { client, clock })
    }
  }

  #markDeleted(part: Part, id: ItemId): void {
    xorInto(part.deleted, hashOfDeleted(id))
    part.deletedCount++
  }

  /**
   * Takes a change that another writer made and signed. False when something before it is missing here: then nothing
   * of it is taken. Throws `INVALID_ARGUMENT` when it holds what a writer never writes.
   */
  async receive(partition: number, change: Change, deletedCids: readonly Uint8Array[]): Promise<boolean> {
    const part = this.#part(partition)
    const known = part.clocks.get(change.client) ?? 0
    if (change.values.length > 0 && change.fromClock > known) return false
    const fresh = { ...change, fromClock: known, values: change.values.slice(known - change.fromClock) }
    if (fresh.values.length === 0 && change.deletes.length === 0) return true
    const items = fresh.values.map(value => this.#check(partition, value))
    if (!this.#canDeleteBlindly(fresh.deletes, deletedCids))
      return this.merge(partition, encodeChange(change))
    fresh.deletes.forEach((id, index) => {
      this.#seen(deletedCids[index] ?? new Uint8Array()).now = undefined
      this.#markDeleted(part, id)
    })
    items.forEach(({ cid, record }, index) => {
      const entry: ViewEntry = { isSole: true, client: fresh.client, clock: known + index, record }
      const seen = this.#seen(cid)
      if (seen.now === undefined) seen.now = entry
      else seen.now = { ...(winsOver(entry, seen.now) ? entry : seen.now), isSole: false }
    })
    if (items.length > 0) part.clocks.set(fresh.client, known + items.length)
    this.#flushOwn(part)
    part.updates.push(encodeChange(fresh))
    return true
  }

  /** Whether every deletion hits the one living item of a CID, so that the view alone says what follows. */
  #canDeleteBlindly(deletes: readonly ItemId[], deletedCids: readonly Uint8Array[]): boolean {
    if (deletedCids.length !== deletes.length) return false
    const targets = new Set<string>()
    return deletes.every((id, index) => {
      const cid = deletedCids[index]
      if (cid === undefined || targets.has(toKey(cid))) return false
      targets.add(toKey(cid))
      const now = this.#view.get(toKey(cid))?.now
      return now !== undefined && now.isSole && isSameItem(now, id)
    })
  }

  #check(partition: number, value: Uint8Array): { readonly cid: Uint8Array; readonly record: Uint8Array } {
    const { cid, record } = splitItem(value)
    const { time } = decodeRecord(cidFromBytes(cid), record)
    if (this.#context.partitionOf(cid) !== partition) {
      throw new ClusterError(
        'INVALID_ARGUMENT',
        `a pin was sent for partition ${partition}, where it does not belong`,
      )
    }
    if (!this.#context.hlc.follow(time)) this.#context.onDrift(time.ms)
    return { cid: Uint8Array.from(cid), record }
  }

  /**
   * Takes any update of a partition through its document. False when something before it is missing here; then nothing
   * of it is taken. Throws `INVALID_ARGUMENT` when it is no update of a pinset.
   */
  async merge(partition: number, update: Uint8Array): Promise<boolean> {
    const part = this.#part(partition)
    this.#flushOwn(part)
    const document = await this.#document(part)
    let applied: ReturnType<PartitionDocument['apply']>
    try {
      applied = document.apply([update])
      this.#refresh(document, applied.touched)
    } catch (thrown) {
      this.#context.documents.evict(partition)
      if (thrown instanceof ClusterError && thrown.code === 'CONFLICT') return false
      throw thrown
    }
    const clocks = document.clocks()
    const isNews =
      applied.deleted.length > 0 || [...clocks].some(([client, clock]) => part.clocks.get(client) !== clock)
    if (isNews) part.updates.push(update)
    part.inDocument = part.updates.length
    for (const [client, clock] of clocks) part.clocks.set(client, clock)
    for (const id of applied.deleted) this.#markDeleted(part, id)
    return true
  }

  #refresh(document: PartitionDocument, touched: ReadonlySet<string>): void {
    const entries = [...touched].map(key => ({ key, cid: fromKey(key), entry: document.entryOf(key) }))
    const times = entries.flatMap(({ cid, entry }) =>
      entry === undefined ? [] : [decodeRecord(cidFromBytes(cid), entry.record).time],
    )
    for (const time of times) if (!this.#context.hlc.follow(time)) this.#context.onDrift(time.ms)
    for (const { key, cid, entry } of entries) {
      const seen = this.#view.get(key)
      if (seen !== undefined) seen.now = entry
      else {
        this.#view.set(key, { cid, before: undefined, now: entry })
        this.#unread.add(key)
      }
    }
  }

  // CIDs that a merge touched though nobody had asked for them: their stored entry decides what the change is.
  readonly #unread = new Set<string>()

  /** CIDs whose stored entry must be given with `knowLate` before `finish`. */
  unread(): Uint8Array[] {
    return [...this.#unread].map(fromKey)
  }

  /** Gives the stored entry of a CID of `unread`. */
  knowLate(cid: Uint8Array, stored: Uint8Array | undefined): void {
    const key = toKey(cid)
    const seen = this.#view.get(key)
    if (!this.#unread.delete(key) || seen === undefined) return
    this.#view.set(key, {
      cid,
      before: stored === undefined ? undefined : decodeViewEntry(stored),
      now: seen.now,
    })
  }

  #seen(cid: Uint8Array): Seen {
    const seen = this.#view.get(toKey(cid))
    if (seen !== undefined) return seen
    throw new Error('a CID is used before its stored entry was read')
  }

  #part(partition: number): Part {
    const known = this.#parts.get(partition)
    if (known !== undefined) return known
    const before = this.#context.heads.get(partition) ?? EMPTY_HEAD
    const part: Part = {
      partition,
      before,
      clocks: new Map(before.clocks),
      deleted: Uint8Array.from(before.deleted),
      deletedCount: before.deletedCount,
      updates: [],
      document: undefined,
      inDocument: 0,
      ownFrom: 0,
      ownValues: [],
      ownDeletes: [],
      ownDeletedCids: [],
    }
    this.#parts.set(partition, part)
    return part
  }

  /** The partition's document with everything that this batch did so far. */
  async #document(part: Part): Promise<PartitionDocument> {
    this.#flushOwn(part)
    const document = await this.#context.documents.load(part.partition, part.before)
    this.#catchUp(part, document)
    return document
  }

  #catchUp(part: Part, document: PartitionDocument): void {
    if (document !== part.document) part.inDocument = 0
    part.document = document
    if (part.inDocument < part.updates.length) document.apply(part.updates.slice(part.inDocument))
    part.inDocument = part.updates.length
  }

  #flushOwn(part: Part): void {
    if (part.ownValues.length === 0 && part.ownDeletes.length === 0) return
    const change = {
      client: this.#context.client,
      fromClock: part.ownFrom,
      values: part.ownValues,
      deletes: part.ownDeletes,
    }
    const update = encodeChange(change)
    part.updates.push(update)
    // encodeChange sorts deletions; the hints follow the same order.
    const order = part.ownDeletes.map((id, index) => ({
      id,
      cid: part.ownDeletedCids[index] ?? new Uint8Array(),
    }))
    order.sort((a, b) => b.id.client - a.id.client || a.id.clock - b.id.clock)
    this.#own.push({
      partition: part.partition,
      epoch: part.before.epoch,
      update,
      deletedCids: order.map(({ cid }) => cid),
    })
    part.ownValues = []
    part.ownDeletes = []
    part.ownDeletedCids = []
  }

  /** Everything that the batch changes. Nothing may be added to the work after this. */
  finish(): Finished {
    const writes: StoreWrite[] = []
    const heads = new Map<number, Head>()
    for (const part of this.#parts.values()) {
      this.#flushOwn(part)
      if (part.updates.length === 0) continue
      let { nextSequence, logCount, logBytes } = part.before
      for (const update of part.updates) {
        writes.push({ key: logKey(part.partition, nextSequence++), value: update })
        logCount++
        logBytes += update.length
      }
      const { clocks, deleted, deletedCount } = part
      const head: Head = { ...part.before, clocks, deleted, deletedCount, nextSequence, logCount, logBytes }
      writes.push({ key: headKey(part.partition), value: encodeHead(head) })
      heads.set(part.partition, head)
    }
    const changed: Uint8Array[] = []
    let added = 0
    for (const { cid, before, now } of this.#view.values()) {
      if (isSameEntry(before, now)) continue
      added += (now === undefined ? 0 : 1) - (before === undefined ? 0 : 1)
      writes.push({ key: viewKey(cid), value: now === undefined ? undefined : encodeViewEntry(now) })
      changed.push(cid)
    }
    return { writes, heads, changed, added, own: this.#own }
  }

  /** Brings the documents in memory up to what was just committed. */
  committed(): void {
    for (const part of this.#parts.values()) {
      const document = this.#context.documents.resident(part.partition)
      if (document === undefined) continue
      this.#catchUp(part, document)
      this.#context.documents.weigh(part.partition)
    }
  }

  /** Forgets the documents that saw what was not committed. */
  failed(): void {
    for (const part of this.#parts.values()) this.#context.documents.evict(part.partition)
  }
}

/** The outcome of a batch: what to write, and what is new once it is written. */
export interface Finished {
  readonly writes: readonly StoreWrite[]
  readonly heads: ReadonlyMap<number, Head>
  /** CIDs (bytes) whose entry in the view changes. */
  readonly changed: readonly Uint8Array[]
  /** By how many the number of pins grows. */
  readonly added: number
  /** What this peer wrote itself, for the others. */
  readonly own: readonly PartitionChange[]
}

function isSameItem(a: ItemId, b: ItemId): boolean {
  return a.client === b.client && a.clock === b.clock
}

function isSameEntry(a: ViewEntry | undefined, b: ViewEntry | undefined): boolean {
  if (a === undefined || b === undefined) return a === b
  return isSameItem(a, b) && a.isSole === b.isSole
}
