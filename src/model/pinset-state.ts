import type { PeerId } from './peer.ts'

/** How the pinset of this peer is. */
export interface PinsetState {
  readonly pinsCount: number
  readonly rootDigest: string
  /** Pieces of the pinset of which another peer is known to have more. */
  readonly behindCount: number
  /** Why no writes are taken; undefined when they are. */
  readonly readOnly: string | undefined
  readonly trust: {
    /** Peers that the configuration names; `*` = every one. */
    readonly configured: readonly string[]
    /** What was said of a peer at run time, which outweighs the configuration. */
    readonly changed: ReadonlyMap<PeerId, boolean>
    /** False when the cluster was told not to trust this peer: others refuse what it writes. */
    readonly isSelfTrusted: boolean
  }
}
