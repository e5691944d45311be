import type { ClusterError } from '../errors.ts'
import type { Cid } from './cid.ts'
import type { PeerId } from './peer.ts'
import type { PinOptions } from './pin.ts'

/** A line of a bulk request: what it asks for, or why it cannot be understood. */
export interface BulkLine<Wanted> {
  /** Its number in the request, from 1, blank lines counted. */
  readonly line: number
  /** What it names, also when the rest of it cannot be understood; undefined when it names nothing. */
  readonly cid: Cid | undefined
  readonly wanted: Wanted | ClusterError
}

/** Lines of a bulk request, in chunks as they arrived. */
export type BulkLines<Wanted> = AsyncIterable<readonly BulkLine<Wanted>[]>

/** A pin that a line asks for. */
export interface WantedPin {
  readonly cid: Cid
  readonly options: PinOptions
  /** Whether the line is an entry of a pinset: then `pinUpdate` says where it came from, and nothing is copied from there. */
  readonly isEntry: boolean
}

/** What became of a line that was understood. */
export const BULK_OUTCOMES = ['pinned', 'unchanged', 'removed', 'absent'] as const
export type BulkOutcome = (typeof BULK_OUTCOMES)[number]

/** What became of a line. What it changed is on disk. */
export interface BulkResult {
  readonly line: number
  /** Undefined when the line names none. */
  readonly cid: Cid | undefined
  readonly outcome: BulkOutcome | ClusterError
}

/** What an import puts in the place of what its lines say; 0 and none = as the lines say. */
export interface ImportChanges {
  readonly replicationMin: number
  readonly replicationMax: number
  readonly allocations: readonly PeerId[]
}
