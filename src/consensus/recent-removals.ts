import { fromKey, toKey } from '../lib/bytes.ts'
import { LatestMap } from '../lib/latest-map.ts'
import { type HlcTime, isMoveOf, isSameRoot } from './hlc.ts'
import { timeOfRecord } from './record.ts'

/** A deletion that somebody else's move may still cross: the entry was removed, or replaced by what a user wrote. */
export interface Removal {
  readonly cid: Uint8Array
  /** Time of the entry that was deleted. */
  readonly time: HlcTime
}

const KEPT_MAX = 10_000
/** Of one CID: who is away may move any of the entries that it had meanwhile. */
const TIMES_MAX = 8

/**
 * Which entries were deleted lately, by their times. A move that was made without knowledge of that brings the entry back, since
 * an item that nobody deleted lives; whoever remembers the deletion deletes that one, too. Entries that were replaced count as
 * those that were removed: what replaced them may be removed before the move is heard of. Those of the last 10,000 CIDs are
 * kept, in memory only.
 */
export class RecentRemovals {
  readonly #times = new LatestMap<string, readonly HlcTime[]>(KEPT_MAX)

  add({ cid, time }: Removal): void {
    const key = toKey(cid)
    const others = (this.#times.get(key) ?? []).filter(each => !isSameRoot(each, time))
    this.#times.set(key, [...others, time].slice(-TIMES_MAX))
  }

  /** All that are kept, oldest first. */
  *all(): Generator<Removal> {
    for (const [key, times] of this.#times) for (const time of times) yield { cid: fromKey(key), time }
  }

  /** Whether the record of a CID is a move of an entry that was deleted. */
  covers(cid: Uint8Array, record: Uint8Array): boolean {
    // Asked of every entry that changes: nearly always there is nothing to compare with.
    if (this.#times.size === 0) return false
    const times = this.#times.get(toKey(cid))
    if (times === undefined) return false
    const time = timeOfRecord(record)
    return times.some(deleted => isMoveOf(time, deleted))
  }
}
