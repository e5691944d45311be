import { fromKey, toKey } from '../lib/bytes.ts'
import { type HlcTime, isMoveOf } from './hlc.ts'
import { timeOfRecord } from './record.ts'

/** A removal that somebody else's move may still cross. */
export interface Removal {
  readonly cid: Uint8Array
  /** Time of the entry that was removed. */
  readonly time: HlcTime
}

const KEPT_MAX = 10_000

/**
 * What was removed lately, and by which entry it stood. A move that was made without knowledge of the removal brings the
 * entry back, since an item that nobody deleted lives; whoever remembers the removal deletes that one, too. The last
 * 10,000 are kept, in memory only.
 */
export class RecentRemovals {
  readonly #times = new Map<string, HlcTime>()

  add({ cid, time }: Removal): void {
    const key = toKey(cid)
    this.#times.delete(key)
    this.#times.set(key, time)
    if (this.#times.size <= KEPT_MAX) return
    const [oldest] = this.#times.keys()
    if (oldest !== undefined) this.#times.delete(oldest)
  }

  /** All that are kept, oldest first. */
  *all(): Generator<Removal> {
    for (const [key, time] of this.#times) yield { cid: fromKey(key), time }
  }

  /** Whether the record of a CID is a move of an entry that was removed. */
  covers(cid: Uint8Array, record: Uint8Array): boolean {
    // Asked of every entry that changes: nearly always there is nothing to compare with.
    if (this.#times.size === 0) return false
    const removed = this.#times.get(toKey(cid))
    return removed !== undefined && isMoveOf(timeOfRecord(record), removed)
  }
}
