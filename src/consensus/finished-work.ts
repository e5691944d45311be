import type { StoreWrite } from '../interfaces.ts'
import type { Head } from './head.ts'
import type { PartitionChange } from './part.ts'
import type { Removal } from './recent-removals.ts'

/** The outcome of a batch: what to write, and what is new once it is written. */
export interface FinishedWork {
  readonly writes: readonly StoreWrite[]
  readonly heads: ReadonlyMap<number, Head>
  /** CIDs (bytes) whose entry in the view changes. */
  readonly changed: readonly Uint8Array[]
  /** For each of them, whether it had an entry before. */
  readonly hadEntry: readonly boolean[]
  /** Those that have none any more. */
  readonly removed: readonly Removal[]
  /** By how many the number of pins grows. */
  readonly added: number
  /** What this peer wrote itself, for the others. */
  readonly own: readonly PartitionChange[]
}
