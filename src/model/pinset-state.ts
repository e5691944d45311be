import type { PeerId } from './peer.ts'

/** Whom a peer trusts. */
export interface TrustState {
  /** Peers that the configuration names; `*` = every one. */
  readonly configured: readonly string[]
  /** What was said of a peer at run time, which outweighs the configuration. */
  readonly changed: ReadonlyMap<PeerId, boolean>
  /** False when the cluster was told not to trust this peer: others refuse what it writes. */
  readonly isSelfTrusted: boolean
}

/** How the pinset of this peer is. */
export interface PinsetState {
  readonly pinsCount: number
  readonly rootDigest: string
  /** Pieces of the pinset of which another peer is known to have more. */
  readonly behindCount: number
  /** Why no writes are taken; undefined when they are. */
  readonly readOnly: string | undefined
  readonly trust: TrustState
}

/** What a peer says of its pinset; of one that does not answer only `peer` and `error` carry data. */
export interface PeerPinset extends Omit<PinsetState, 'trust'> {
  readonly peer: PeerId
  readonly peername: string
  readonly isSelfTrusted: boolean
  /** '' when the peer answered. */
  readonly error: string
}
