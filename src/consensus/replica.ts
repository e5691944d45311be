import { hash } from 'node:crypto'
import { ClusterError, messageOf } from '../errors.ts'
import type { ByteStore, Logger, PinRange, StoreWrite } from '../interfaces.ts'
import { toKey } from '../lib/bytes.ts'
import type { Clock } from '../lib/clock.ts'
import { Emitter } from '../lib/emitter.ts'
import type { Instruments } from '../lib/instruments.ts'
import type { Random } from '../lib/random.ts'
import { repeat } from '../lib/repeat.ts'
import { type Cid, cidFromBytes } from '../model/cid.ts'
import type { PeerId } from '../model/peer.ts'
import type { Pin } from '../model/pin.ts'
import { clientIdOf } from './client-id.ts'
import type { ConsensusConfig } from './config.ts'
import { Digests } from './digests.ts'
import { Documents } from './documents.ts'
import { EMPTY_HEAD, encodeHead, type Head } from './head.ts'
import { Hlc } from './hlc.ts'
import { BATCH_CHANGES_MAX, type BatchJob, JobQueue, type ReceivedChange } from './job-queue.ts'
import { headKey, logKey, snapshotKey, viewKey } from './keys.ts'
import { encodeOwnState, type OwnState, readState, writeMeta } from './meta.ts'
import type { METRICS } from './metrics.ts'
import { readMany, readPin, readPins } from './view.ts'
import { type PartitionChange, Work } from './work.ts'

/** What the replica needs. */
export interface ReplicaComponents {
  readonly self: PeerId
  readonly store: ByteStore
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly metrics: Instruments<typeof METRICS>
}

/** A partition of which something is missing here, and the peer who has it. */
export interface Gap {
  readonly from: PeerId
  readonly partition: number
}

const RECOVERY_EVERY_MS = 2000
const FOLD_COUNT_MIN = 32
const FOLD_COUNT_MAX = 2048
const FOLDS_UNDER_LOAD = 2

/**
 * This peer's copy of the pinset: every change of it, whoever made it, goes through one queue, is worked out in memory
 * and written in one atomic batch; only then is it answered, shown and passed on. One process run is one writer with a
 * client id of its own, so that no clock value is ever used twice, whatever a crash or a restored backup took back.
 */
export class Replica implements AsyncDisposable {
  readonly #components: ReplicaComponents
  readonly #config: ConsensusConfig
  readonly #documents: Documents
  readonly #changed = new Emitter<readonly Cid[]>()
  readonly #written = new Emitter<readonly PartitionChange[]>()
  readonly #gaps = new Emitter<Gap>()
  readonly #queue: JobQueue
  readonly #toFold = new Set<number>()
  readonly #recovery: AsyncDisposable
  #heads = new Map<number, Head>()
  #digests: Digests
  #hlc: Hlc
  #pinsCount = 0
  #incarnation = 0
  #client = 0
  #failure: ClusterError | undefined
  #isClosed = false

  private constructor(components: ReplicaComponents, config: ConsensusConfig) {
    this.#components = components
    this.#config = config
    const { store, clock } = components
    this.#documents = new Documents(store, {
      partitionOf: cid => this.partitionOf(cid),
      budgetBytes: config.memoryBudgetBytes,
    })
    this.#queue = new JobQueue(
      clock,
      config.queueLengthMax,
      batch => this.#commit(batch),
      isIdle => this.#foldSome(isIdle),
    )
    this.#digests = new Digests(config.partitionsCount)
    this.#hlc = new Hlc(clock, { driftMaxMs: config.clockDriftMaxMs, last: { ms: 0, count: 0 } })
    this.#recovery = repeat(
      {
        clock,
        everyMs: RECOVERY_EVERY_MS,
        onError: thrown => this.#warn('the disk still takes no writes', thrown),
      },
      () => this.#recover(),
    )
    components.metrics.pins.observe(() => this.#pinsCount)
    components.metrics.documentsHeapBytes.observe(() => this.#documents.heapBytes)
    components.metrics.queued.observe(() => this.#queue.writesCount)
  }

  /** Opens the copy in the store. `STORE_VERSION`, `CONFIG_INVALID` or `STORE_FAILED` when it can't be used. */
  static async open(components: ReplicaComponents, config: ConsensusConfig): Promise<Replica> {
    const replica = new Replica(components, config)
    try {
      await replica.#load()
      return replica
    } catch (thrown) {
      await replica.#recovery[Symbol.asyncDispose]()
      throw thrown
    }
  }

  async #load(): Promise<void> {
    const { store, self, random, clock } = this.#components
    const { own, heads, digests } = await readState(store, this.#config.partitionsCount)
    this.#documents.clear()
    this.#heads = heads
    this.#digests = digests
    this.#pinsCount = own.pinsCount
    this.#hlc = new Hlc(clock, { driftMaxMs: this.#config.clockDriftMaxMs, last: own.time })
    this.#incarnation = Buffer.from(random.bytes(6)).readUIntBE(0, 6)
    this.#client = clientIdOf(self, this.#incarnation)
  }

  get pinsCount(): number {
    return this.#pinsCount
  }

  /** The number that, with the peer id, gives the client id of this process run. */
  get incarnation(): number {
    return this.#incarnation
  }

  get digests(): Digests {
    return this.#digests
  }

  /** Why no writes are taken; undefined when they are. */
  get failure(): ClusterError | undefined {
    return this.#failure
  }

  /** Which partition a CID belongs to: the first bits of the SHA-256 of its bytes. */
  partitionOf(cid: Uint8Array): number {
    return hash('sha256', cid, 'buffer').readUInt32BE(0) % this.#config.partitionsCount
  }

  headOf(partition: number): Head {
    return this.#heads.get(partition) ?? EMPTY_HEAD
  }

  /** Told of the CIDs whose pins changed, by whomever. */
  onChanged(listener: (cids: readonly Cid[]) => void): Disposable {
    return this.#changed.on(listener)
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
    return readPin(this.#components.store, cid)
  }

  async getMany(cids: readonly Cid[]): Promise<readonly (Pin | undefined)[]> {
    return readMany(this.#components.store, cids)
  }

  pins(range: PinRange): AsyncIterable<Pin> {
    return readPins(this.#components.store, range)
  }

  /** Writes pins and removals, in parts of at most 1,000 each atomic; resolves when all of them are on disk. */
  async write(puts: readonly Pin[], removes: readonly Cid[], signal: AbortSignal): Promise<void> {
    for (let at = 0; at < puts.length; at += BATCH_CHANGES_MAX) {
      await this.#writePart(puts.slice(at, at + BATCH_CHANGES_MAX), [], signal)
    }
    for (let at = 0; at < removes.length; at += BATCH_CHANGES_MAX) {
      await this.#writePart([], removes.slice(at, at + BATCH_CHANGES_MAX), signal)
    }
  }

  async #writePart(puts: readonly Pin[], removes: readonly Cid[], signal: AbortSignal): Promise<void> {
    await this.#queue.room()
    signal.throwIfAborted()
    this.#checkWritable()
    await new Promise<void>((resolve, reject) => {
      this.#queue.add({ kind: 'write', puts, removes, done: { resolve, reject } })
    })
  }

  #checkWritable(): void {
    if (this.#isClosed) throw new ClusterError('NOT_READY', 'this peer is stopping')
    if (this.#failure === undefined) return
    throw new ClusterError(
      'READ_ONLY',
      `this peer takes no writes until its disk does: ${this.#failure.message}`,
      {
        cause: this.#failure,
      },
    )
  }

  /** Takes changes signed by another writer. Dropped when too many wait. */
  receive(from: PeerId, changes: readonly ReceivedChange[]): void {
    if (this.#isClosed || this.#failure !== undefined) return
    const isTaken = this.#queue.add({ kind: 'receive', from, changes })
    if (!isTaken) this.#components.metrics.receivedDropped.add(changes.length)
  }

  /** Takes the state of a partition from a trusted peer; false when something before it is missing. */
  async merge(partition: number, update: Uint8Array): Promise<boolean> {
    this.#checkWritable()
    return new Promise<boolean>((resolve, reject) => {
      this.#queue.add({ kind: 'merge', partition, update, done: { resolve, reject }, isTaken: false })
    })
  }

  /** What somebody with these clocks lacks of a partition, as committed. */
  async exportPartition(partition: number, clocks: ReadonlyMap<number, number>): Promise<Uint8Array> {
    return this.#queue.alone(async () => {
      const document = await this.#documents.load(partition, this.headOf(partition))
      return document.encode(clocks)
    })
  }

  async #commit(batch: readonly BatchJob[]): Promise<void> {
    const { store, metrics } = this.#components
    const work = new Work({
      client: this.#client,
      hlc: this.#hlc,
      heads: this.#heads,
      documents: this.#documents,
      partitionOf: cid => this.partitionOf(cid),
      onDrift: ms =>
        this.#warn(
          'a peer writes with a clock far ahead of ours: check the time on both',
          new Date(ms).toISOString(),
        ),
    })
    try {
      this.#checkWritable()
      await this.#prefetch(work, batch)
      const gaps = await this.#apply(work, batch)
      const late = work.unread()
      const stored = await store.getMany(late.map(viewKey))
      late.forEach((cid, index) => work.knowLate(cid, stored[index]))
      const { writes, heads, changed, added, own } = work.finish()
      if (writes.length > 0) {
        const state: OwnState = { time: this.#hlc.last, pinsCount: this.#pinsCount + added }
        const isSynced = batch.some(job => job.kind === 'write')
        const started = this.#components.clock.monotonic()
        await this.#writeBatch([...writes, encodeOwnState(state)], isSynced)
        metrics.commitSeconds.record((this.#components.clock.monotonic() - started) / 1000)
        this.#pinsCount += added
        for (const [partition, head] of heads) this.#setHead(partition, head)
      }
      work.committed()
      for (const job of batch) {
        if (job.kind === 'merge') job.done.resolve(job.isTaken)
        if (job.kind === 'write') job.done.resolve()
      }
      if (own.length > 0) this.#written.emit(own)
      if (changed.length > 0) this.#changed.emit(changed.map(cidFromBytes))
      for (const gap of gaps) this.#gaps.emit(gap)
    } catch (thrown) {
      work.failed()
      for (const job of batch) if (job.kind !== 'receive') job.done.reject(thrown)
      if (!(thrown instanceof ClusterError)) throw thrown
    }
  }

  async #writeBatch(writes: readonly StoreWrite[], isSynced: boolean): Promise<void> {
    try {
      await this.#components.store.batch(writes, { isSynced })
    } catch (thrown) {
      const error =
        thrown instanceof ClusterError
          ? thrown
          : new ClusterError('STORE_FAILED', messageOf(thrown), { cause: thrown })
      this.#failure = error
      this.#components.logger.error(
        'the disk refused a write: this peer is read-only until it takes writes again',
        { error },
      )
      throw error
    }
  }

  async #prefetch(work: Work, batch: readonly BatchJob[]): Promise<void> {
    const cids = new Map<string, Uint8Array>()
    const want = (cid: Uint8Array) => void cids.set(toKey(cid), cid)
    for (const job of batch) {
      if (job.kind === 'write')
        for (const { bytes } of [...job.puts.map(pin => pin.cid), ...job.removes]) want(bytes)
      if (job.kind === 'receive')
        for (const change of job.changes) for (const cid of Work.cidsOf(change)) want(cid)
    }
    const list = [...cids.values()]
    const stored = await this.#components.store.getMany(list.map(viewKey))
    list.forEach((cid, index) => work.know(cid, stored[index]))
  }

  async #apply(work: Work, batch: readonly BatchJob[]): Promise<Gap[]> {
    const gaps: Gap[] = []
    for (const job of batch) {
      if (job.kind === 'write') {
        for (const pin of job.puts) await work.put(pin)
        for (const cid of job.removes) await work.remove(cid.bytes)
      } else if (job.kind === 'merge') {
        job.isTaken = await work.merge(job.partition, job.update)
      } else {
        for (const received of job.changes) {
          const isTaken = await this.#receiveOne(work, job.from, received)
          if (!isTaken) gaps.push({ from: job.from, partition: received.partition })
        }
      }
    }
    return gaps
  }

  async #receiveOne(work: Work, from: PeerId, received: ReceivedChange): Promise<boolean> {
    try {
      return await work.receive(received.partition, received.change, received.deletedCids)
    } catch (thrown) {
      if (!(thrown instanceof ClusterError) || thrown.code === 'STORE_FAILED') throw thrown
      this.#components.metrics.refused.add(1)
      this.#components.logger.warn('a change by another peer was refused', { from, error: thrown })
      return true
    }
  }

  #setHead(partition: number, head: Head): void {
    this.#heads.set(partition, head)
    this.#digests.update(partition, head)
    const isLong = head.logCount >= FOLD_COUNT_MIN && head.logBytes * 2 >= head.snapshotBytes
    if (isLong || head.logCount >= FOLD_COUNT_MAX) this.#toFold.add(partition)
  }

  async #foldSome(isIdle: boolean): Promise<void> {
    let left = isIdle ? Number.POSITIVE_INFINITY : FOLDS_UNDER_LOAD
    for (const partition of this.#toFold) {
      if (left-- <= 0 || (isIdle && !this.#queue.isEmpty) || this.#isClosed || this.#failure !== undefined)
        return
      this.#toFold.delete(partition)
      try {
        await this.#fold(partition)
      } catch (thrown) {
        // The log is as good as the snapshot would have been; a failing disk is looked after by `recover`.
        if (!(thrown instanceof ClusterError)) throw thrown
        this.#warn('a log was not folded', thrown)
        return
      }
    }
  }

  /** Replaces a partition's log by one snapshot. */
  async #fold(partition: number): Promise<void> {
    const head = this.headOf(partition)
    const document = await this.#documents.load(partition, head)
    const snapshot = document.encode()
    const writes: StoreWrite[] = [{ key: snapshotKey(partition), value: snapshot }]
    for (let sequence = head.nextSequence - head.logCount; sequence < head.nextSequence; sequence++) {
      writes.push({ key: logKey(partition, sequence), value: undefined })
    }
    const folded: Head = { ...head, logCount: 0, logBytes: 0, snapshotBytes: snapshot.length }
    writes.push({ key: headKey(partition), value: encodeHead(folded) })
    await this.#writeBatch(writes, false)
    this.#heads.set(partition, folded)
    this.#components.metrics.folds.add(1)
  }

  async #recover(): Promise<void> {
    if (this.#failure === undefined) return
    await this.#queue.alone(async () => {
      await this.#components.store.reopen()
      await this.#load()
      await writeMeta(this.#components.store, this.#config.partitionsCount)
      this.#failure = undefined
      this.#components.logger.warn('the disk takes writes again')
    })
  }

  #warn(message: string, detail: unknown): void {
    this.#components.logger.warn(message, { detail })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true
    await this.#recovery[Symbol.asyncDispose]()
    await this.#queue.idle()
    this.#documents.clear()
  }
}
