import { toKey } from '../lib/bytes.ts'
import { LatestMap } from '../lib/latest-map.ts'
import { compareTimes, type HlcTime } from './hlc.ts'

const KEPT_MAX = 20_000
const UNKNOWN_MAX_MS = 10 * 60_000

/**
 * When a pin was asked for again that stood there already. Nothing is written then; but somebody else may have removed it
 * before, which has not been heard of here. Whoever has said yes meanwhile puts the pin again when the removal arrives. Those
 * of the last 20,000 CIDs are kept, in memory only, until the pin is removed or another one written.
 */
export class RecentConfirmations {
  readonly #times = new LatestMap<string, HlcTime>(KEPT_MAX)

  add(cid: Uint8Array, time: HlcTime): void {
    this.#times.set(toKey(cid), time)
  }

  /**
   * Whether it was asked for again, and not before that time. Of a removal of which nobody knows any more when it was made
   * (undefined) it is taken for granted that it came first, since what was promised ranks before what was to go; but for some
   * minutes only: what a script asks for every day must not bring back a hundred thousand pins that were removed at once.
   */
  outweighs(cid: Uint8Array, removedAt: HlcTime | undefined, now: HlcTime): boolean {
    if (this.#times.size === 0) return false
    const time = this.#times.get(toKey(cid))
    if (time === undefined) return false
    return removedAt === undefined ? now.ms - time.ms <= UNKNOWN_MAX_MS : compareTimes(time, removedAt) > 0
  }

  /** What comes from now on has seen what stands there: nothing was promised beyond that. */
  forget(cid: Uint8Array): void {
    if (this.#times.size > 0) this.#times.delete(toKey(cid))
  }
}
