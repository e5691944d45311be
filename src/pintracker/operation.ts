import type { Code } from '../errors.ts'
import type { PinMode } from '../model/pin.ts'
import type { PinStatus } from '../model/pin-status.ts'

/** Which way a CID is being moved. */
export type OperationKind = 'pin' | 'unpin'

/** How far an operation is. `dropped`: nothing is wanted any more, but a cancelled call has not returned yet. */
export type OperationPhase = 'queued' | 'running' | 'failed' | 'dropped'

/** What this peer is doing about one CID. Exists only while there is something to do. */
export interface Operation {
  /** `cidKey` of the CID. */
  readonly name: string
  readonly kind: OperationKind
  readonly phase: OperationPhase
  /** How to pin; of no meaning for an unpin. */
  readonly mode: PinMode
  /** Unix milliseconds of the entry's last write; 0 for an unpin. */
  readonly entryMs: number
  /** Unix milliseconds of the last change of kind or phase. */
  readonly sinceMs: number
  readonly attempts: number
  readonly isPriority: boolean
  /** Why the last attempt failed, also while the next one is under way; '' when none did. */
  readonly error: string
  /** The code of that failure; undefined when none failed. */
  readonly reason: Code | undefined
  /** Unix milliseconds of that failure; of no meaning when none failed. */
  readonly failedMs: number
  /** Blocks that the call under way has told to be there. */
  readonly blocksCount: number
  /** It failed as often as it may: nothing is tried until somebody asks for it. */
  readonly isGivenUp: boolean
  /** Unix milliseconds of the next attempt; undefined: not failed, or tried again when the IPFS node answers. */
  readonly nextAttemptMs: number | undefined
  /** A call to pin it began at some time, so IPFS may hold it whatever the last listing said. */
  readonly wasStarted: boolean
  /** The call under way for this CID, also one that was cancelled and has not returned yet. */
  readonly call: AbortController | undefined
}

const STATUS = {
  pin: { queued: 'pin_queued', running: 'pinning', failed: 'pin_error', dropped: undefined },
  unpin: { queued: 'unpin_queued', running: 'unpinning', failed: 'unpin_error', dropped: undefined },
} as const

/** The statuses that operations can have. */
export type OperationStatus = NonNullable<(typeof STATUS)[OperationKind][OperationPhase]>

/** The same as a list. */
export const OPERATION_STATUSES: readonly OperationStatus[] = [
  'pin_queued',
  'pinning',
  'pin_error',
  'unpin_queued',
  'unpinning',
  'unpin_error',
]

/** How the operation shows; undefined when it is of no more concern. */
export function statusOfOperation(operation: Pick<Operation, 'kind' | 'phase'>): OperationStatus | undefined {
  return STATUS[operation.kind][operation.phase]
}

/** Whether nothing is being done that would show as a state of its own. */
export function isSettled(operation: Pick<Operation, 'kind' | 'phase'> | undefined): boolean {
  return operation === undefined || statusOfOperation(operation) === undefined
}

/** Statuses that only a look at the pinset can tell; the others are in the table of operations. */
export const SETTLED_STATUSES = [
  'pinned',
  'unexpectedly_unpinned',
  'sharded',
  'remote',
] as const satisfies readonly PinStatus[]
