import { ClusterError } from '../errors.ts'
import type { StoreWrite } from '../interfaces.ts'
import type { Instruments } from '../lib/instruments.ts'
import type { Committed } from './committed.ts'
import type { Documents } from './documents.ts'
import { encodeHead, type Head } from './head.ts'
import { headKey, logKey, snapshotKey } from './keys.ts'
import type { METRICS } from './metrics.ts'

/** What folding needs of the replica. */
export interface FoldingParts {
  readonly documents: Documents
  readonly committed: () => Committed
  readonly write: (writes: readonly StoreWrite[]) => Promise<void>
  readonly warn: (message: string, detail: unknown) => void
  readonly metrics: Instruments<typeof METRICS>
}

const FOLD_COUNT_MIN = 32
const FOLD_COUNT_MAX = 2048
const FOLDS_UNDER_LOAD = 4
const FOLDS_AT_ONCE = 16

/** Replaces long logs by snapshots: a few between two batches, all of them when there is nothing else to do. */
export class Folding {
  readonly #parts: FoldingParts
  readonly #waiting = new Set<number>()

  constructor(parts: FoldingParts) {
    this.#parts = parts
  }

  /** Puts a partition on the list when its log has become long. */
  consider(partition: number, head: Head): void {
    const isLong = head.logCount >= FOLD_COUNT_MIN && head.logBytes * 2 >= head.snapshotBytes
    if (isLong || head.logCount >= FOLD_COUNT_MAX) this.#waiting.add(partition)
  }

  /** Puts partitions on the list whose snapshots hold what nobody needs any more. */
  add(partitions: readonly number[]): void {
    for (const partition of partitions) this.#waiting.add(partition)
  }

  /** Folds while `goesOn` says so, a few partitions with each write to disk. */
  async some(isIdle: boolean, goesOn: () => boolean): Promise<void> {
    while (this.#waiting.size > 0 && goesOn()) {
      const partitions = [...this.#waiting].slice(0, isIdle ? FOLDS_AT_ONCE : FOLDS_UNDER_LOAD)
      for (const partition of partitions) this.#waiting.delete(partition)
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
    const folded: { readonly partition: number; readonly head: Head; readonly isLighter: boolean }[] = []
    for (const partition of partitions) {
      const before = committed.headOf(partition)
      const document = await documents.load(partition, before)
      const clocks = document.settledClocks(committed.retired)
      const snapshot = document.encode(clocks)
      const head: Head = { ...before, clocks, logCount: 0, logBytes: 0, snapshotBytes: snapshot.length }
      writes.push({ key: snapshotKey(partition), value: snapshot })
      for (let sequence = before.nextSequence - before.logCount; sequence < before.nextSequence; sequence++)
        writes.push({ key: logKey(partition, sequence), value: undefined })
      writes.push({ key: headKey(partition), value: encodeHead(head) })
      // The snapshot has forgotten what the document still drags along.
      const isLighter = clocks.size < before.clocks.size || document.tombstonesCount > document.liveCount
      folded.push({ partition, head, isLighter })
    }
    await write(writes)
    for (const { partition, head, isLighter } of folded) {
      committed.setHead(partition, head)
      if (isLighter) documents.evict(partition)
      metrics.folds.add(1)
    }
  }
}
