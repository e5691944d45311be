import type { Documents } from './documents.ts'
import type { Head } from './head.ts'
import type { Hlc } from './hlc.ts'
import type { RecentConfirmations } from './recent-confirmations.ts'
import type { RecentRemovals } from './recent-removals.ts'

/** What a batch of changes is worked out against: the committed state, and this writer. */
export interface WorkContext {
  readonly client: number
  readonly hlc: Hlc
  readonly heads: ReadonlyMap<number, Head>
  readonly documents: Documents
  readonly partitionsCount: number
  /** Writers that have ended and of whom everything is known. */
  readonly retired: ReadonlySet<number>
  readonly partitionOf: (cid: Uint8Array) => number
  readonly removals: Pick<RecentRemovals, 'covers'>
  readonly confirmations: RecentConfirmations
  /** Told of a record whose time lies too far ahead to be followed. */
  readonly onDrift: (aheadOf: number) => void
}
