import { toKey } from '../lib/bytes.ts'
import { LatestMap } from '../lib/latest-map.ts'
import { compareTimes, type HlcTime } from './hlc.ts'

const KEPT_MAX = 20_000

/**
 * When a pin was asked for again that stood there already. Nothing is written then; but somebody else may have removed it
 * before, which has not been heard of here. Whoever has said yes meanwhile puts the pin again when the removal arrives. Those
 * of the last 20,000 CIDs are kept, in memory only.
 */
export class RecentConfirmations {
  readonly #times = new LatestMap<string, HlcTime>(KEPT_MAX)

  add(cid: Uint8Array, time: HlcTime): void {
    this.#times.set(toKey(cid), time)
  }

  /** Whether it was asked for again after that time. */
  isLater(cid: Uint8Array, than: HlcTime): boolean {
    if (this.#times.size === 0) return false
    const time = this.#times.get(toKey(cid))
    return time !== undefined && compareTimes(time, than) > 0
  }
}
