import { fromKey, toKey } from '../lib/bytes.ts'
import { compareTimes, type HlcTime } from './hlc.ts'
import type { RecentConfirmations } from './recent-confirmations.ts'
import type { ViewEntry } from './view.ts'

/** A pin that is gone though it is still wanted. */
interface Wanted {
  readonly cid: Uint8Array
  readonly before: ViewEntry
}

/** What one batch leaves without an entry because somebody else removed it, and when that was as far as it is known. */
export class Vanished {
  readonly #before = new Map<string, ViewEntry>()
  readonly #times = new Map<string, HlcTime>()

  /** Whether anything is gone. */
  get isAny(): boolean {
    return this.#before.size > 0
  }

  /** The entry of a CID is gone. */
  note(cid: Uint8Array, before: ViewEntry, removedAt?: HlcTime): void {
    const key = toKey(cid)
    this.#before.set(key, before)
    if (removedAt !== undefined) this.noteTime(cid, removedAt)
  }

  /** Somebody has removed a CID: the latest removal counts. */
  noteTime(cid: Uint8Array, removedAt: HlcTime): void {
    const key = toKey(cid)
    const known = this.#times.get(key)
    if (known === undefined || compareTimes(removedAt, known) > 0) this.#times.set(key, removedAt)
  }

  /** This peer's user has removed it just now. */
  noteOwn(cid: Uint8Array, removedAt: HlcTime): void {
    this.#before.delete(toKey(cid))
    this.noteTime(cid, removedAt)
  }

  /** When a CID was removed, as far as it is known. */
  timeOf(cid: Uint8Array): HlcTime | undefined {
    return this.#times.get(toKey(cid))
  }

  /** What was asked for again, and not known to be so before it was removed. */
  wanted(confirmations: RecentConfirmations, now: HlcTime): Wanted[] {
    return [...this.#before].flatMap(([key, before]) => {
      const cid = fromKey(key)
      return confirmations.outweighs(cid, this.#times.get(key), now) ? [{ cid, before }] : []
    })
  }
}
