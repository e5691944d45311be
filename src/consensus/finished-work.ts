import type { StoreWrite } from '../interfaces.ts'
import type { Head } from './head.ts'
import type { HlcTime } from './hlc.ts'
import type { PartitionChange } from './part.ts'
import type { Removal } from './recent-removals.ts'
import type { ViewEntry } from './view.ts'

/** The outcome of a batch: what to write, and what is new once it is written. */
export interface FinishedWork {
  readonly writes: readonly StoreWrite[]
  readonly heads: ReadonlyMap<number, Head>
  /** CIDs (bytes) whose entry in the view changes. */
  readonly changed: readonly Uint8Array[]
  /** For each of them, whether it had an entry before. */
  readonly hadEntry: readonly boolean[]
  /** What stands for each of them from now on. */
  readonly entries: readonly (ViewEntry | undefined)[]
  /** Entries that were deleted and not moved. */
  readonly removed: readonly Removal[]
  /** When those were removed that have no entry any more, as far as it is known. */
  readonly removedAt: readonly { readonly cid: Uint8Array; readonly time: HlcTime }[]
  /** By how many the number of pins grows. */
  readonly added: number
  /** What this peer wrote itself, for the others. */
  readonly own: readonly PartitionChange[]
}
