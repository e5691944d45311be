import type { Code } from '../errors.ts'
import type { PeerId } from './peer.ts'
import type { PinStatus } from './pin-status.ts'

/** How many CIDs are in which state at one peer. */
export interface PinSummary {
  /** Entries of the pinset that were looked at. */
  readonly pinsCount: number
  readonly statuses: ReadonlyMap<PinStatus, number>
  /** Of those in error: why the last attempt failed. */
  readonly reasons: ReadonlyMap<Code, number>
  /** Of those in error: tried as often as they may be. */
  readonly givenUpCount: number
  /** Why nothing is sent to the IPFS node at present; '' when it answers. */
  readonly ipfsFailure: string
}

/** The same with the peer that it is about; `error` is '' unless the peer did not answer. */
export interface PeerPinSummary extends PinSummary {
  readonly peer: PeerId
  readonly peername: string
  readonly error: string
}
