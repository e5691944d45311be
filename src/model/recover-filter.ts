import type { Code } from '../errors.ts'
import type { PinStatusFilter } from './pin-status.ts'

/** Which of what is in error or missing to try again. Everything that is given must be so. */
export interface RecoverFilter {
  readonly statuses?: PinStatusFilter
  /** Why the last attempt failed. What is missing without an attempt has no reason. */
  readonly reasons?: ReadonlySet<Code>
  /** How many CIDs at most, at each peer. */
  readonly limit?: number
}

/** What to try again; absent = everything in error or missing. */
export interface Recovering {
  readonly filter?: RecoverFilter
}
