import { ClusterError } from '../errors.ts'
import type { StoreWrite } from '../interfaces.ts'
import type { Breath } from '../lib/breath.ts'
import { fromKey, toKey } from '../lib/bytes.ts'
import { cidFromBytes } from '../model/cid.ts'
import { isSameRequest, type Pin } from '../model/pin.ts'
import type { FinishedWork } from './finished-work.ts'
import { checkForeign, type ForeignState, knownAsDeleted } from './foreign-state.ts'
import { EMPTY_HEAD, type Head } from './head.ts'
import { type HlcTime, isSameRoot, timeOfMove } from './hlc.ts'
import type { MergeOutcome, ReceivedChange } from './job-queue.ts'
import { Part, type PartitionChange } from './part.ts'
import type { Applied, PartitionDocument } from './partition-document.ts'
import { RecentRemovals } from './recent-removals.ts'
import { decodeRecord, encodeItem, encodeRecord, splitItem, timeOfRecord } from './record.ts'
import type { RemovedAt } from './removal-times.ts'
import { isWritten, type Seen, viewChanges } from './seen.ts'
import { type Change, encodeChange, type ItemId, isSameItem, itemKey } from './update.ts'
import { Vanished } from './vanished.ts'
import { decodeViewEntry, pinOfEntry, timeOf, timesOf, type ViewEntry, winnerOf, winsOver } from './view.ts'
import type { WorkContext } from './work-context.ts'

const NONE: ReadonlySet<number> = new Set()

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
  static cidsOf({ change, deletedCids }: Pick<ReceivedChange, 'change' | 'deletedCids'>): Uint8Array[] {
    return [...deletedCids, ...change.values.map(value => splitItem(value).cid)]
  }

  /** Gives the stored view entry of a CID, undefined when it has none. Every CID must be given before it is used. */
  know(cid: Uint8Array, stored: Uint8Array | undefined): void {
    const key = toKey(cid)
    if (this.#view.has(key)) return
    const entry = stored === undefined ? undefined : decodeViewEntry(stored)
    this.#view.set(key, { cid, before: entry, now: entry })
  }

  /** Adds or replaces a pin. What is pinned the same way already is left alone, and remembered as wanted. */
  async put(pin: Pin): Promise<void> {
    const { hlc, confirmations } = this.#context
    const cid = pin.cid.bytes
    const seen = this.#seen(cid)
    if (seen.now !== undefined && isSameRequest(pinOfEntry(pin.cid, seen.now), pin))
      confirmations.add(cid, hlc.tick())
    else await this.#write(seen, pin, hlc.tickAfter(timeOf(seen.now)))
  }

  /**
   * Moves a pin: puts another in its place, if it still stands there. The time is the next after the moved one's, not the
   * present: everything that somebody else writes meanwhile is later, and wins.
   */
  async replace(before: Pin, pin: Pin): Promise<void> {
    const seen = this.#seen(pin.cid.bytes)
    if (seen.now === undefined || !isSameRequest(pinOfEntry(pin.cid, seen.now), before)) return
    if (isSameRequest(before, pin)) return
    const moved = timeOfRecord(seen.now.record)
    await this.#write(seen, pin, timeOfMove(moved), moved)
  }

  /** A move takes the place of what it moves alone: another item is somebody's wish, which may yet outlive it. */
  async #write(seen: Seen, pin: Pin, time: HlcTime, moved?: HlcTime): Promise<void> {
    const part = this.#part(this.#context.partitionOf(seen.cid))
    const left = await this.#deleteItems(part, seen, [time], moved)
    const { client } = this.#context
    const record = encodeRecord({ time, pin })
    const clock = part.addOwn(client, encodeItem(seen.cid, record))
    seen.now = { isSole: left === 0, client, clock, record }
  }

  /** Removes a pin; done also when there is none. */
  async remove(cid: Uint8Array): Promise<void> {
    const seen = this.#seen(cid)
    if (seen.now === undefined) return
    const removedAt = this.#context.hlc.tick()
    await this.#deleteItems(this.#part(this.#context.partitionOf(cid)), seen, [])
    seen.now = undefined
    this.#vanished.noteOwn(cid, removedAt)
  }

  readonly #vanished = new Vanished()

  // Those of this batch count at once: a removal and a move that crosses it often arrive together.
  readonly #removed = new RecentRemovals()

  /** An item was deleted. Where one of the same root lives it was moved, otherwise removed or replaced. */
  #noteGone(cid: Uint8Array, { record }: ViewEntry, living: readonly HlcTime[]): void {
    const time = timeOfRecord(record)
    if (living.some(each => isSameRoot(time, each))) return
    // What is pinned again here must not be taken for a move of what was removed.
    this.#context.hlc.passMovesOf(time)
    this.#removed.add({ cid, time })
  }

  /** Deletes all items of a CID, or with `root` those of one entry and its moves; answers how many are left. */
  async #deleteItems(
    part: Part,
    seen: Seen,
    inTheirPlace: readonly HlcTime[],
    root?: HlcTime,
  ): Promise<number> {
    let left = 0
    for (const item of await this.#itemsOf(part, seen)) {
      if (root !== undefined && !isSameRoot(timeOfRecord(item.record), root)) {
        left++
        continue
      }
      part.deleteOwn(item, seen.cid)
      this.#noteGone(seen.cid, item, inTheirPlace)
    }
    return left
  }

  /** Every living item of a CID; the document is asked only where the view does not know them all. */
  async #itemsOf(part: Part, { cid, now }: Seen): Promise<readonly ViewEntry[]> {
    if (now === undefined) return []
    return now.isSole ? [now] : (await this.#document(part)).itemsOf(toKey(cid))
  }

  /**
   * Takes a change that another writer made and signed. False when something before it is missing here: then nothing
   * of it is taken. Throws `INVALID_ARGUMENT` when it holds what a writer never writes.
   */
  async receive({ partition, time, change, deletedCids }: ReceivedChange): Promise<boolean> {
    if (partition >= this.#context.partitionsCount) this.#refuseMisplaced('a change', partition)
    for (const cid of deletedCids) {
      if (this.#context.partitionOf(cid) !== partition) this.#refuseMisplaced('a removal', partition)
    }
    // All that a retired writer wrote is known; what it deleted is, too.
    if (change.values.length > 0 && this.#context.retired.has(change.client)) return true
    const part = this.#part(partition)
    const known = part.clocks.get(change.client) ?? 0
    if (change.values.length > 0 && change.fromClock > known) return false
    const fresh = { ...change, fromClock: known, values: change.values.slice(known - change.fromClock) }
    if (fresh.values.length === 0 && change.deletes.length === 0) return true
    const items = fresh.values.map(value => this.#check(partition, value))
    if (!this.#canDeleteBlindly(fresh.deletes, deletedCids))
      return this.#receiveInDocument(partition, change, new Map(deletedCids.map(cid => [toKey(cid), time])))
    const deleted = fresh.deletes.map((id, index) => {
      const seen = this.#seen(deletedCids[index] ?? new Uint8Array())
      const { now: before } = seen
      seen.now = undefined
      part.mark(id, -1)
      return { seen, before }
    })
    items.forEach(({ cid, record }, index) => {
      const entry: ViewEntry = { isSole: true, client: fresh.client, clock: known + index, record }
      part.mark(entry, 1)
      const seen = this.#seen(cid)
      if (seen.now === undefined) seen.now = entry
      else seen.now = { ...(winsOver(entry, seen.now) ? entry : seen.now), isSole: false }
    })
    for (const { seen, before } of deleted)
      if (before !== undefined) {
        this.#noteGone(seen.cid, before, timesOf(seen.now))
        if (seen.now === undefined) this.#vanished.note(seen.cid, before, time)
      }
    if (items.length > 0) part.clocks.set(fresh.client, known + items.length)
    this.#flushOwn(part)
    part.log(encodeChange(fresh))
    return true
  }

  async #receiveInDocument(partition: number, change: Change, removedAt: RemovedAt): Promise<boolean> {
    const state = { update: encodeChange(change), retired: NONE, retiredLive: new Map(), removedAt }
    return (await this.merge(partition, state)) !== 'missing'
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
    if (this.#context.partitionOf(cid) !== partition) this.#refuseMisplaced('a pin', partition)
    if (!this.#context.hlc.follow(time)) this.#context.onDrift(time.ms)
    return { cid: Uint8Array.from(cid), record }
  }

  #refuseMisplaced(what: string, partition: number): never {
    throw new ClusterError(
      'INVALID_ARGUMENT',
      `${what} was sent for partition ${partition}, where it does not belong`,
    )
  }

  /**
   * Takes what another peer has of a partition through the document. When something before it is missing here, nothing
   * of it is taken. Throws `INVALID_ARGUMENT` when it is no update of a pinset.
   */
  async merge(partition: number, state: ForeignState): Promise<MergeOutcome> {
    if (partition >= this.#context.partitionsCount) this.#refuseMisplaced('a state', partition)
    const part = this.#part(partition)
    const { client, retired } = this.#context
    checkForeign(state, { partition, client, knownClock: part.clocks.get(client) ?? 0 })
    const document = await this.#document(part)
    const updates = [state.update]
    const live: { id: ItemId; change: 1 | -1 }[] = []
    const touched = new Set<string>()
    const fresh = new Set<string>()
    const apply = (update: Uint8Array) => {
      const applied = document.apply([update])
      for (const cid of applied.fresh) if (!touched.has(cid)) fresh.add(cid)
      for (const { value } of applied.added) this.#check(partition, value)
      for (const cid of applied.touched) touched.add(cid)
      for (const id of applied.added) live.push({ id, change: 1 })
      for (const id of applied.removed) live.push({ id, change: -1 })
      for (const id of applied.removed) this.#gone.add(itemKey(id))
      return applied
    }
    try {
      const { added } = apply(state.update)
      const deletes = knownAsDeleted(document, added, state, retired)
      if (deletes.length > 0) {
        updates.push(encodeChange({ client: 0, fromClock: 0, values: [], deletes }))
        for (const update of updates.slice(1)) apply(update)
      }
    } catch (thrown) {
      this.#context.documents.evict(partition)
      if (thrown instanceof ClusterError && thrown.code === 'CONFLICT') return 'missing'
      throw thrown
    }
    // Only now, when nothing can be refused any more.
    this.#refresh(document, { touched, fresh }, state.removedAt)
    const clocks = document.clocks()
    const isNews = live.length > 0 || [...clocks].some(([client, clock]) => part.clocks.get(client) !== clock)
    if (isNews) part.logApplied(updates)
    for (const [client, clock] of clocks) part.clocks.set(client, clock)
    for (const { id, change } of live) part.mark(id, change)
    return isNews ? 'news' : 'known'
  }

  #refresh(
    document: PartitionDocument,
    { touched, fresh }: Pick<Applied, 'touched' | 'fresh'>,
    removedAt?: RemovedAt,
  ): void {
    for (const key of touched) {
      const items = document.itemsOf(key)
      const entry = winnerOf(items)
      const living = items.map(({ record }) => timeOfRecord(record))
      const seen = this.#view.get(key)
      const goneAt = entry === undefined ? removedAt?.get(key) : undefined
      if (goneAt !== undefined) this.#vanished.noteTime(fromKey(key), goneAt)
      if (seen !== undefined) {
        this.#noteIfGone(seen.cid, seen.now, living)
        seen.now = entry
      } else {
        this.#view.set(key, { cid: fromKey(key), before: undefined, now: entry })
        // Of what the document did not have the view has nothing either.
        if (!fresh.has(key)) this.#unread.set(key, living)
      }
    }
  }

  // CIDs that a merge touched though nobody had asked for them, and what lives of each: their stored entry decides what the change is.
  readonly #unread = new Map<string, readonly HlcTime[]>()

  /** CIDs whose stored entry must be given with `knowLate` before `finish`. */
  unread(): Uint8Array[] {
    return [...this.#unread.keys()].map(fromKey)
  }

  /** Gives the stored entry of a CID of `unread`. */
  knowLate(cid: Uint8Array, stored: Uint8Array | undefined): void {
    const key = toKey(cid)
    const seen = this.#view.get(key)
    const living = this.#unread.get(key)
    if (living === undefined || seen === undefined) return
    this.#unread.delete(key)
    const before = stored === undefined ? undefined : decodeViewEntry(stored)
    this.#view.set(key, { cid, before, now: seen.now })
    this.#noteIfGone(cid, before, living)
  }

  // What merges deleted, and not only what another one outweighs.
  readonly #gone = new Set<string>()

  #noteIfGone(cid: Uint8Array, before: ViewEntry | undefined, living: readonly HlcTime[]): void {
    if (before === undefined || !this.#gone.has(itemKey(before))) return
    this.#noteGone(cid, before, living)
    if (living.length === 0) this.#vanished.note(cid, before)
  }

  #seen(cid: Uint8Array): Seen {
    const seen = this.#view.get(toKey(cid))
    if (seen !== undefined) return seen
    throw new Error('a CID is used before its stored entry was read')
  }

  #part(partition: number): Part {
    const known = this.#parts.get(partition)
    if (known !== undefined) return known
    const { heads, documents } = this.#context
    const part = new Part(partition, heads.get(partition) ?? EMPTY_HEAD, documents)
    this.#parts.set(partition, part)
    return part
  }

  async #document(part: Part): Promise<PartitionDocument> {
    this.#flushOwn(part)
    return part.load()
  }

  #flushOwn(part: Part): void {
    const { client, hlc } = this.#context
    const change = part.flushOwn(client, hlc.last)
    if (change !== undefined) this.#own.push(change)
  }

  /** Deletes what came back only because a move did not know of a removal. */
  async undoCrossedMoves(): Promise<void> {
    const { removals, partitionOf } = this.#context
    for (const seen of this.#view.values()) {
      const isCrossed = ({ record }: ViewEntry) =>
        this.#removed.covers(seen.cid, record) || removals.covers(seen.cid, record)
      if (seen.now === undefined || !isCrossed(seen.now)) continue
      const part = this.#part(partitionOf(seen.cid))
      const items = await this.#itemsOf(part, seen)
      for (const item of items) if (isCrossed(item)) part.deleteOwn(item, seen.cid)
      // With an item of a user among them, somebody wants it as that one says.
      const moved = seen.now
      seen.now = winnerOf(items.filter(item => !isCrossed(item)))
      if (seen.now === undefined) this.#vanished.note(seen.cid, moved)
    }
  }

  /** Puts again what was asked for again, if the removal by which it is gone is not known to be the later word. */
  async restoreWanted(): Promise<void> {
    const { confirmations, hlc } = this.#context
    if (!this.#vanished.isAny) return
    for (const { cid, before } of this.#vanished.wanted(confirmations, hlc.tick())) {
      const seen = this.#seen(cid)
      if (seen.now === undefined)
        await this.#write(seen, pinOfEntry(cidFromBytes(cid), before), hlc.tickAfter(timeOf(before)))
    }
  }

  /** Everything that the batch changes. Nothing may be added to the work after this. */
  async finish(breath: Breath): Promise<FinishedWork> {
    const writes: StoreWrite[] = []
    const heads = new Map<number, Head>()
    for (const part of this.#parts.values()) {
      this.#flushOwn(part)
      const done = part.finish()
      if (done === undefined) continue
      writes.push(...done.writes)
      heads.set(part.partition, done.head)
      if (breath.isDue) await breath.taken()
    }
    const view = await viewChanges(this.#view.values(), breath)
    for (const write of view.writes) writes.push(write)
    const removed = [...this.#removed.all()]
    const removedAt = view.gone.flatMap(cid => {
      const time = this.#vanished.timeOf(cid)
      return time === undefined ? [] : [{ cid, time }]
    })
    return { ...view, writes, heads, removed, removedAt, own: this.#own }
  }

  /** Brings the documents in memory up to what was just committed. */
  async committed(breath: Breath): Promise<void> {
    for (const part of this.#parts.values()) {
      part.committed()
      if (breath.isDue) await breath.taken()
    }
    const { confirmations, client } = this.#context
    for (const seen of this.#view.values()) if (isWritten(seen, client)) confirmations.forget(seen.cid)
  }

  /** Forgets the documents that saw what was not committed. */
  failed(): void {
    for (const part of this.#parts.values()) part.failed()
  }
}
