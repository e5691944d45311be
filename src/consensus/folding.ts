import { ClusterError } from '../errors.ts'
import type { StoreWrite } from '../interfaces.ts'
import { Breath } from '../lib/breath.ts'
import type { Clock } from '../lib/clock.ts'
import type { Instruments } from '../lib/instruments.ts'
import type { Committed } from './committed.ts'
import type { Documents } from './documents.ts'
import { encodeHead, type Head } from './head.ts'
import { headKey, logKeysOf, snapshotKey } from './keys.ts'
import type { METRICS } from './metrics.ts'

/** What folding needs of the replica. */
export interface FoldingParts {
  readonly documents: Documents
  readonly committed: () => Committed
  readonly write: (writes: readonly StoreWrite[]) => Promise<void>
  /** Runs something between two batches. */
  readonly alone: (run: () => Promise<void>) => Promise<void>
  readonly clock: Clock
  readonly warn: (message: string, detail: unknown) => void
  readonly metrics: Instruments<typeof METRICS>
}

const FOLD_COUNT_MIN = 32
const FOLD_COUNT_MAX = 2048
const FOLDS_UNDER_LOAD = 4
const FOLDS_AT_ONCE = 16
/** When nothing was written for so long, shorter logs are folded, too, so that little is kept of what is gone. */
const REST_MS = 2000
const REST_COUNT_MIN = 4

/** Replaces long logs by snapshots: a few between two batches, all of them when there is nothing else to do. */
export class Folding implements Disposable {
  readonly #parts: FoldingParts
  /** Logs that are long. */
  readonly #waiting = new Set<number>()
  /** Logs that are worth the work when there is nothing else to do. */
  readonly #lesser = new Set<number>()
  #rest: Disposable | undefined
  #changedAtMs = 0
  #isClosed = false

  constructor(parts: FoldingParts) {
    this.#parts = parts
  }

  /** Puts a partition on a list when its log has become long. */
  consider(partition: number, head: Head): void {
    const { clock } = this.#parts
    this.#changedAtMs = clock.monotonic()
    if (head.logCount < REST_COUNT_MIN || head.logBytes * 2 < head.snapshotBytes) {
      if (head.logCount >= FOLD_COUNT_MAX) this.#waiting.add(partition)
    } else if (head.logCount >= FOLD_COUNT_MIN) this.#waiting.add(partition)
    else this.#lesser.add(partition)
    if (this.#lesser.size > 0 && !this.#isClosed)
      this.#rest ??= clock.schedule(REST_MS, () => this.#foldAtRest())
  }

  #foldAtRest(): void {
    this.#rest = undefined
    if (this.#isClosed) return
    const { clock, alone, warn } = this.#parts
    const waitMs = this.#changedAtMs + REST_MS - clock.monotonic()
    if (waitMs > 0) {
      this.#rest = clock.schedule(waitMs, () => this.#foldAtRest())
      return
    }
    const partitions = [...this.#lesser].slice(0, FOLDS_AT_ONCE)
    for (const partition of partitions) this.#lesser.delete(partition)
    if (partitions.length === 0) return
    alone(() => this.#fold(partitions)).then(
      () => this.#foldAtRest(),
      (thrown: unknown) => warn('logs were not folded', thrown),
    )
  }

  /** Folds nothing more when nobody asks for it. */
  [Symbol.dispose](): void {
    this.#isClosed = true
    this.#rest?.[Symbol.dispose]()
  }

  /** Puts partitions on the list whose snapshots hold what nobody needs any more. */
  add(partitions: readonly number[]): void {
    for (const partition of partitions) this.#waiting.add(partition)
  }

  /** Folds while `goesOn` says so, a few partitions with each write to disk. */
  async some(isIdle: boolean, goesOn: () => boolean): Promise<void> {
    while (this.#waiting.size > 0 && goesOn()) {
      const partitions = [...this.#waiting].slice(0, isIdle ? FOLDS_AT_ONCE : FOLDS_UNDER_LOAD)
      for (const partition of partitions) {
        this.#waiting.delete(partition)
        this.#lesser.delete(partition)
      }
      try {
        await this.#fold(partitions)
      } catch (thrown) {
        // The log is as good as the snapshot would have been; a failing disk is looked after elsewhere.
        if (!(thrown instanceof ClusterError)) throw thrown
        this.#parts.warn('a log was not folded', thrown)
        return
      }
      if (!isIdle) return
    }
  }

  async #fold(partitions: readonly number[]): Promise<void> {
    const { documents, write, metrics } = this.#parts
    const committed = this.#parts.committed()
    const writes: StoreWrite[] = []
    const breath = new Breath(this.#parts.clock)
    const folded: { readonly partition: number; readonly head: Head; readonly isLighter: boolean }[] = []
    for (const partition of partitions) {
      const before = committed.headOf(partition)
      const wasResident = documents.resident(partition) !== undefined
      const document = await documents.load(partition, before)
      const clocks = document.settledClocks(committed.retired)
      const snapshot = document.encode(clocks)
      const head: Head = { ...before, clocks, logCount: 0, logBytes: 0, snapshotBytes: snapshot.length }
      writes.push({ key: snapshotKey(partition), value: snapshot })
      for (const key of logKeysOf(partition, before)) writes.push({ key, value: undefined })
      writes.push({ key: headKey(partition), value: encodeHead(head) })
      // The snapshot has forgotten what the document still drags along, and may even tell of lower clocks; and what was
      // loaded for this only is not needed any more.
      const isSettled = [...before.clocks].some(([client, clock]) => clocks.get(client) !== clock)
      const isLighter = !wasResident || isSettled || document.tombstonesCount > document.liveCount
      folded.push({ partition, head, isLighter })
      if (breath.isDue) await breath.taken()
    }
    await write(writes)
    for (const { partition, head, isLighter } of folded) {
      committed.setHead(partition, head)
      if (isLighter) documents.evict(partition)
      metrics.folds.add(1)
    }
  }
}
