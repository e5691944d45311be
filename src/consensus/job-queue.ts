import type { ClusterError } from '../errors.ts'
import { Breath, nextTurn } from '../lib/breath.ts'
import type { Clock } from '../lib/clock.ts'
import type { Cid } from '../model/cid.ts'
import type { PeerId } from '../model/peer.ts'
import type { Pin } from '../model/pin.ts'
import type { ForeignState } from './foreign-state.ts'
import type { HlcTime } from './hlc.ts'
import type { Change } from './update.ts'

/** A change of one partition as it came from another writer. */
export interface ReceivedChange {
  readonly partition: number
  /** When its writer made it. */
  readonly time: HlcTime
  readonly change: Change
  readonly deletedCids: readonly Uint8Array[]
}

/** Work that may share one atomic write to disk with its like. */
export type BatchJob =
  | {
      readonly kind: 'write'
      readonly puts: readonly Pin[]
      /** What must still stand in the place of each; undefined = whatever does. */
      readonly replacing?: readonly Pin[] | undefined
      readonly removes: readonly Cid[]
      readonly done: Done<void>
    }
  | {
      readonly kind: 'receive'
      readonly from: PeerId
      readonly changes: readonly ReceivedChange[]
      /** Memory that the changes hold. */
      readonly bytes: number
    }
  | MergeJob

/** What a state from another peer did here: nothing because something before it is missing, nothing new, or news. */
export type MergeOutcome = 'missing' | 'known' | 'news'

/** A partition's state from another peer. */
export interface MergeJob {
  readonly kind: 'merge'
  readonly partition: number
  readonly state: ForeignState
  readonly done: Done<MergeOutcome>
  /** Set when the batch was worked out; an error when the state was not valid. */
  outcome: MergeOutcome | ClusterError
}

/** Work that sees the committed state and nothing half done. */
interface AloneJob {
  readonly kind: 'alone'
  readonly run: () => Promise<void>
}

/** How the one who waits for a job is told. */
export interface Done<Value> {
  readonly resolve: (value: Value) => void
  readonly reject: (thrown: unknown) => void
}

/** Changes that one atomic write to disk takes at the most. */
export const BATCH_CHANGES_MAX = 2000
/** Changes by others that may wait; further ones are dropped, and repaired by comparing. */
const RECEIVED_WAITING_MAX = 20_000
const RECEIVED_WAITING_BYTES_MAX = 32 * 1024 * 1024
/** When writes come from several sides, the next batch waits this long for company: a batch costs as much as twenty pins. */
const COMPANY_MS = 2
/** Of a state, about: for what merging it counts as, in changes. */
const BYTES_PER_CHANGE = 128

/**
 * Jobs in the order in which they came, done one batch after the other. Own writes wait for a place, what others wrote
 * is turned away when too much of it waits.
 */
export class JobQueue {
  readonly #jobs: (BatchJob | AloneJob)[] = []
  readonly #waiting: (() => void)[] = []
  readonly #clock: Clock
  readonly #writesMax: number
  readonly #runBatch: (batch: readonly BatchJob[]) => Promise<void>
  readonly #afterEach: (isIdle: boolean) => Promise<void>
  #hadCompany = false
  #writesCount = 0
  #receivedCount = 0
  #receivedBytes = 0
  #draining: Promise<void> | undefined

  /** `afterEach` runs behind every batch, told whether nothing more waits. */
  constructor(
    clock: Clock,
    writesMax: number,
    runBatch: (batch: readonly BatchJob[]) => Promise<void>,
    afterEach: (isIdle: boolean) => Promise<void>,
  ) {
    this.#clock = clock
    this.#writesMax = writesMax
    this.#runBatch = runBatch
    this.#afterEach = afterEach
  }

  /** Own changes that wait. */
  get writesCount(): number {
    return this.#writesCount
  }

  get isEmpty(): boolean {
    return this.#jobs.length === 0
  }

  /** Resolves when there is room for another write. */
  async room(): Promise<void> {
    while (this.#writesCount >= this.#writesMax)
      await new Promise<void>(resolve => this.#waiting.push(resolve))
  }

  /** Adds a job. False when it is one of others' changes and there is no room for it. */
  add(job: BatchJob | AloneJob): boolean {
    if (job.kind === 'write') this.#writesCount += job.puts.length + job.removes.length
    if (job.kind === 'receive') {
      if (this.#receivedCount + job.changes.length > RECEIVED_WAITING_MAX) return false
      if (this.#receivedBytes + job.bytes > RECEIVED_WAITING_BYTES_MAX) return false
      this.#receivedCount += job.changes.length
      this.#receivedBytes += job.bytes
    }
    this.#jobs.push(job)
    this.#draining ??= this.#drain()
    return true
  }

  /** Runs something between two batches; what it throws is thrown here. */
  async alone<Result>(run: () => Promise<Result>): Promise<Result> {
    return new Promise<Result>((resolve, reject) => {
      this.add({ kind: 'alone', run: () => run().then(resolve, reject) })
    })
  }

  /** Resolves when nothing waits and nothing runs. */
  async idle(): Promise<void> {
    while (this.#draining !== undefined) await this.#draining
  }

  async #drain(): Promise<void> {
    // Writes that arrive in the same turn of the event loop share one batch.
    await nextTurn()
    if (this.#hadCompany) await new Promise<void>(resolve => this.#clock.schedule(COMPANY_MS, resolve))
    const breath = new Breath(this.#clock)
    while (this.#jobs.length > 0) {
      if (breath.isDue) await breath.taken()
      const first = this.#jobs[0]
      if (first?.kind === 'alone') {
        this.#jobs.shift()
        await first.run()
      } else {
        const batch = this.#take()
        this.#hadCompany = batch.length > 1
        await this.#runBatch(batch)
        this.#release(batch)
      }
      await this.#afterEach(this.isEmpty)
    }
    // In the same turn as the look at the queue, so that no job can come between.
    this.#draining = undefined
  }

  #take(): BatchJob[] {
    const batch: BatchJob[] = []
    let changes = 0
    for (const job of this.#jobs) {
      if (job.kind === 'alone' || changes >= BATCH_CHANGES_MAX) break
      const more = changesOf(job)
      // A state is never cut; but two large ones need not share a batch.
      if (job.kind === 'merge' && batch.length > 0 && changes + more > BATCH_CHANGES_MAX) break
      batch.push(job)
      changes += more
    }
    this.#jobs.splice(0, batch.length)
    return batch
  }

  #release(batch: readonly BatchJob[]): void {
    for (const job of batch) {
      if (job.kind === 'write') this.#writesCount -= changesOf(job)
      if (job.kind !== 'receive') continue
      this.#receivedCount -= job.changes.length
      this.#receivedBytes -= job.bytes
    }
    for (const resolve of this.#waiting.splice(0)) resolve()
  }
}

function changesOf(job: BatchJob): number {
  if (job.kind === 'merge') return 1 + Math.floor(job.state.update.length / BYTES_PER_CHANGE)
  return job.kind === 'write' ? job.puts.length + job.removes.length : job.changes.length
}
