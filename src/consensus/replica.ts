import { ClusterError } from '../errors.ts'
import type { ByteStore, Logger, PinRange, StoreWrite } from '../interfaces.ts'
import { Breath } from '../lib/breath.ts'
import type { Clock } from '../lib/clock.ts'
import { Emitter } from '../lib/emitter.ts'
import type { Instruments } from '../lib/instruments.ts'
import type { Random } from '../lib/random.ts'
import { type Cid, cidFromBytes } from '../model/cid.ts'
import type { PeerId } from '../model/peer.ts'
import type { Pin } from '../model/pin.ts'
import { type Gap, settle, workOut } from './batch.ts'
import { clientIdOf } from './client-id.ts'
import { Committed } from './committed.ts'
import type { ConsensusConfig } from './config.ts'
import { Documents } from './documents.ts'
import { Folding } from './folding.ts'
import type { ForeignState } from './foreign-state.ts'
import { GuardedWrites } from './guarded-writes.ts'
import { Hlc, type HlcTime } from './hlc.ts'
import {
  BATCH_CHANGES_MAX,
  type BatchJob,
  JobQueue,
  type MergeOutcome,
  type ReceivedChange,
} from './job-queue.ts'
import { LatestPins } from './latest-pins.ts'
import { encodeOwnState, encodeOwnWriters, encodeRetired, type OwnState, writeMeta } from './meta.ts'
import type { METRICS } from './metrics.ts'
import type { PartitionChange } from './part.ts'
import { partitionOf } from './partition-of.ts'
import { RecentConfirmations } from './recent-confirmations.ts'
import { RecentRemovals } from './recent-removals.ts'
import { RemovalTimes } from './removal-times.ts'
import { Repair } from './repair.ts'
import type { PulledState } from './sync-protocol.ts'
import { type ItemId, runsOf } from './update.ts'
import { readPins } from './view.ts'
import { Work } from './work.ts'

/** What the replica needs. */
export interface ReplicaComponents {
  readonly self: PeerId
  readonly store: ByteStore
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly metrics: Instruments<typeof METRICS>
}

/** Changed entries that are told of in one turn of the event loop. */
const TOLD_AT_ONCE = 250

/** Entries that changed. */
interface Change {
  readonly cids: readonly Cid[]
  readonly hadEntry?: readonly boolean[]
}

/**
 * This peer's copy of the pinset: every change of it, whoever made it, goes through one queue, is worked out in memory
 * and written in one atomic batch; only then is it answered, shown and passed on. One process run is one writer with a
 * client id of its own, so that no clock value is ever used twice, whatever a crash or a restored backup took back.
 */
export class Replica implements AsyncDisposable {
  readonly #components: ReplicaComponents
  readonly #config: ConsensusConfig
  readonly #documents: Documents
  readonly #latest: LatestPins
  readonly #changed = new Emitter<Change>()
  readonly #written = new Emitter<readonly PartitionChange[]>()
  readonly #gaps = new Emitter<Gap>()
  readonly #queue: JobQueue
  readonly #folding: Folding
  readonly #repair: Repair
  readonly #disk: GuardedWrites
  readonly #removals = new RecentRemovals()
  readonly #confirmations = new RecentConfirmations()
  readonly #removalTimes = new RemovalTimes(cid => this.partitionOf(cid))
  #committed: Committed
  #isRegistered = false
  /** What a batch changed of which the disk did not say whether it took it. */
  #inDoubt: readonly Uint8Array[] = []
  #hlc: Hlc
  #incarnation = 0
  #client = 0

  private constructor(components: ReplicaComponents, config: ConsensusConfig, committed: Committed) {
    this.#components = components
    this.#config = config
    const { store, clock } = components
    this.#latest = new LatestPins(store)
    this.#documents = new Documents(store, {
      partitionOf: cid => this.partitionOf(cid),
      budgetBytes: config.memoryBudgetBytes,
      onDamaged: partition => this.#repair.one(partition),
    })
    this.#queue = new JobQueue(
      clock,
      config.queueLengthMax,
      batch => this.#commit(batch),
      isIdle => this.#folding.some(isIdle, () => this.#disk.isOpen && (!isIdle || this.#queue.isEmpty)),
    )
    this.#folding = new Folding({
      documents: this.#documents,
      committed: () => this.#committed,
      write: writes => this.#disk.write(writes),
      alone: run => this.#queue.alone(async () => (this.#disk.isOpen ? run() : undefined)),
      clock,
      warn: (message, detail) => this.#warn(message, detail),
      metrics: components.metrics,
    })
    this.#repair = new Repair({
      store,
      documents: this.#documents,
      committed: () => this.#committed,
      partitionOf: cid => this.partitionOf(cid),
      write: (writes, pinsCount) => {
        this.#latest.clear()
        return this.#disk.write([...writes, encodeOwnState({ time: this.#hlc.last, pinsCount })])
      },
      alone: run => this.#queue.alone(run),
      onChanged: cids => this.#changed.emit({ cids: cids.map(cidFromBytes) }),
      logger: components.logger,
    })
    this.#committed = committed
    this.#hlc = this.#begin()
    this.#disk = new GuardedWrites({ ...components, recover: () => this.#recover() })
    for (const [partition, head] of committed.heads) this.#folding.consider(partition, head)
    components.metrics.pins.observe(() => this.pinsCount)
    components.metrics.documentsHeapBytes.observe(() => this.#documents.heapBytes)
    components.metrics.queued.observe(() => this.#queue.writesCount)
  }

  /** Opens the copy in the store. `STORE_VERSION`, `CONFIG_INVALID` or `STORE_FAILED` when it can't be used. */
  static async open(components: ReplicaComponents, config: ConsensusConfig): Promise<Replica> {
    const committed = await Committed.read(components.store, config.partitionsCount)
    const replica = new Replica(components, config, committed)
    replica.#repair.begin()
    return replica
  }

  /** Becomes a new writer, whose times follow what is committed. */
  #begin(): Hlc {
    const { self, random, clock } = this.#components
    this.#incarnation = Buffer.from(random.bytes(6)).readUIntBE(0, 6)
    this.#client = clientIdOf(self, this.#incarnation)
    this.#isRegistered = false
    return new Hlc(clock, { driftMaxMs: this.#config.clockDriftMaxMs, last: this.#committed.time })
  }

  get pinsCount(): number {
    return this.#committed.pinsCount
  }

  /** What stands on disk. */
  get committed(): Committed {
    return this.#committed
  }

  /** The number that, with the peer id, gives the client id of this process run. */
  get incarnation(): number {
    return this.#incarnation
  }

  /** Why no writes are taken; undefined when they are. */
  get failure(): ClusterError | undefined {
    return this.#disk.failure
  }

  /** Which partition a CID (its bytes) belongs to. */
  partitionOf(cid: Uint8Array): number {
    return partitionOf(cid, this.#config.partitionsCount)
  }

  /** Told of the CIDs whose pins changed, by whomever. */
  onChanged(listener: (cids: readonly Cid[], hadEntry?: readonly boolean[]) => void): Disposable {
    return this.#changed.on(({ cids, hadEntry }) => listener(cids, hadEntry))
  }

  /** Told of what this peer wrote itself, once it is on disk. */
  onWritten(listener: (changes: readonly PartitionChange[]) => void): Disposable {
    return this.#written.on(listener)
  }

  /** Told of changes that could not be taken because something before them is missing. */
  onGap(listener: (gap: Gap) => void): Disposable {
    return this.#gaps.on(listener)
  }

  async get(cid: Cid): Promise<Pin | undefined> {
    return this.#latest.get(cid)
  }

  /** The pins of several CIDs, in their order. */
  async getMany(cids: readonly Cid[]): Promise<readonly (Pin | undefined)[]> {
    return this.#latest.getMany(cids)
  }

  pins(range: PinRange): AsyncIterable<Pin> {
    return readPins(this.#components.store, range)
  }

  /** Writes pins and removals, in parts of at most 2,000 each atomic; resolves when all of them are on disk. */
  async write(puts: readonly Pin[], removes: readonly Cid[], signal: AbortSignal): Promise<void> {
    for (let at = 0; at < puts.length; at += BATCH_CHANGES_MAX) {
      await this.#writePart(puts.slice(at, at + BATCH_CHANGES_MAX), [], signal)
    }
    for (let at = 0; at < removes.length; at += BATCH_CHANGES_MAX) {
      await this.#writePart([], removes.slice(at, at + BATCH_CHANGES_MAX), signal)
    }
  }

  /** Writes pins where the one of `before` at their place still stands; others are left alone. */
  async replace(puts: readonly Pin[], before: readonly Pin[], signal: AbortSignal): Promise<void> {
    for (let at = 0; at < puts.length; at += BATCH_CHANGES_MAX) {
      const end = at + BATCH_CHANGES_MAX
      await this.#writePart(puts.slice(at, end), [], signal, before.slice(at, end))
    }
  }

  async #writePart(
    puts: readonly Pin[],
    removes: readonly Cid[],
    signal: AbortSignal,
    replacing?: readonly Pin[],
  ): Promise<void> {
    await this.#queue.room()
    signal.throwIfAborted()
    this.#disk.check()
    await new Promise<void>((resolve, reject) => {
      this.#queue.add({ kind: 'write', puts, replacing, removes, done: { resolve, reject } })
    })
  }

  /** Takes changes signed by another writer, which came in so many bytes. Dropped when too many wait. */
  receive(from: PeerId, changes: readonly ReceivedChange[], bytes: number): void {
    if (!this.#disk.isOpen) return
    const isTaken = this.#queue.add({ kind: 'receive', from, changes, bytes })
    if (!isTaken) this.#components.metrics.receivedDropped.add(changes.length)
  }

  /** Takes the state of a partition from a trusted peer. */
  async merge(partition: number, state: ForeignState): Promise<MergeOutcome> {
    this.#disk.check()
    return new Promise<MergeOutcome>((resolve, reject) => {
      this.#queue.add({ kind: 'merge', partition, state, done: { resolve, reject }, outcome: 'missing' })
    })
  }

  /** What somebody with these clocks lacks of a partition, as committed, and which items of retired writers live. */
  async exportPartition(partition: number, clocks: ReadonlyMap<number, number>): Promise<PulledState> {
    return this.#queue.alone(async () => {
      const { retired } = this.#committed
      const document = await this.#documents.load(partition, this.#committed.headOf(partition))
      const live: ItemId[] = []
      for (const { client, clock } of document.items()) if (retired.has(client)) live.push({ client, clock })
      return {
        update: document.encode(document.settledClocks(retired), clocks),
        retiredLive: new Map(runsOf(live)),
        removedAt: this.#removalTimes.of(partition),
        retiredDigest: this.#committed.retiredDigest,
      }
    })
  }

  /** Follows a time that another peer gave out; false when it lies too far ahead to be true. */
  follow(time: HlcTime): boolean {
    return this.#hlc.follow(time)
  }

  /** A time later than every one that this peer knows. */
  tick(): HlcTime {
    return this.#hlc.tick()
  }

  /** The client id of this run. */
  get client(): number {
    return this.#client
  }

  /** Puts a record beside the pinset on disk. Only from within `alone`. */
  async writeRecord(record: StoreWrite): Promise<void> {
    this.#disk.check()
    await this.#disk.write([record])
  }

  /** Runs something between two batches; what it throws is thrown here. */
  async alone<Result>(run: () => Promise<Result>): Promise<Result> {
    return this.#queue.alone(run)
  }

  /**
   * Stops counting what these writers wrote: from now on everything of theirs that does not live here is taken for
   * deleted. Right only when they have ended and everything of theirs is here.
   */
  async retire(clients: ReadonlySet<number>): Promise<void> {
    await this.#queue.alone(async () => {
      this.#disk.check()
      const { retired } = this.#committed
      const ended = new Set([...this.#committed.ended].filter(client => !clients.has(client)))
      const own = this.#isRegistered ? [...ended, this.#client] : ended
      await this.#disk.write([encodeRetired([...retired, ...clients]), encodeOwnWriters(own)])
      this.#folding.add(this.#committed.retire(clients, ended))
    })
  }

  async #commit(batch: readonly BatchJob[]): Promise<void> {
    const { store, metrics, clock } = this.#components
    const breath = new Breath(clock)
    const work = new Work({
      client: this.#client,
      hlc: this.#hlc,
      heads: this.#committed.heads,
      documents: this.#documents,
      partitionsCount: this.#config.partitionsCount,
      retired: this.#committed.retired,
      partitionOf: cid => this.partitionOf(cid),
      removals: this.#removals,
      confirmations: this.#confirmations,
      onDrift: ms =>
        this.#warn(
          'a peer writes with a clock far ahead of ours: check the time on both',
          new Date(ms).toISOString(),
        ),
    })
    try {
      this.#disk.check()
      const gaps = await workOut(store, work, batch, this.#components, breath)
      const { writes, heads, changed, hadEntry, entries, removed, removedAt, added, own } =
        await work.finish(breath)
      const cids = changed.map(cidFromBytes)
      if (writes.length > 0) {
        const state: OwnState = { time: this.#hlc.last, pinsCount: this.pinsCount + added }
        const started = clock.monotonic()
        this.#inDoubt = changed
        this.#latest.forget(cids)
        await this.#disk.write([...writes, ...this.#ownRecords(state, own.length > 0)])
        this.#inDoubt = []
        this.#latest.note(cids, entries)
        metrics.commitSeconds.record((clock.monotonic() - started) / 1000)
        this.#committed.pinsCount += added
        for (const removal of removed) this.#removals.add(removal)
        for (const { cid, time } of removedAt) this.#removalTimes.add(cid, time)
        for (const [partition, head] of heads) {
          this.#committed.setHead(partition, head)
          this.#folding.consider(partition, head)
        }
      }
      await work.committed(breath)
      settle(batch)
      if (own.length > 0) this.#written.emit(own)
      for (let at = 0, end = TOLD_AT_ONCE; at < cids.length; at = end, end += TOLD_AT_ONCE) {
        this.#changed.emit({ cids: cids.slice(at, end), hadEntry: hadEntry.slice(at, end) })
        if (breath.isDue) await breath.taken()
      }
      for (const gap of gaps) this.#gaps.emit(gap)
    } catch (thrown) {
      work.failed()
      for (const job of batch) if (job.kind !== 'receive') job.done.reject(thrown)
      if (!(thrown instanceof ClusterError)) throw thrown
    }
  }

  #ownRecords(state: OwnState, isWriting: boolean): StoreWrite[] {
    const records = [encodeOwnState(state)]
    if (isWriting && !this.#isRegistered)
      records.push(encodeOwnWriters([...this.#committed.ended, this.#client]))
    this.#isRegistered ||= isWriting
    return records
  }

  /** Reads everything back from a store opened anew, and goes on as a new writer. */
  async #recover(): Promise<void> {
    const { store } = this.#components
    await this.#queue.alone(async () => {
      await store.reopen()
      this.#documents.clear()
      this.#latest.clear()
      this.#committed = await Committed.read(store, this.#config.partitionsCount)
      this.#hlc = this.#begin()
      await writeMeta(store, this.#config.partitionsCount)
    })
    const inDoubt = this.#inDoubt
    this.#inDoubt = []
    if (inDoubt.length > 0) this.#changed.emit({ cids: inDoubt.map(cidFromBytes) })
  }

  #warn(message: string, detail: unknown): void {
    this.#components.logger.warn(message, { detail })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#folding[Symbol.dispose]()
    await this.#disk[Symbol.asyncDispose]()
    await this.#queue.idle()
    this.#documents.clear()
  }
}
