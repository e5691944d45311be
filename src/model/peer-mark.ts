import type { PeerId } from './peer.ts'

/** What operators have said of a peer; the same on every peer of the cluster, and durable. */
export interface PeerMark {
  readonly peer: PeerId
  /** Nothing new is allocated to it. */
  readonly isCordoned: boolean
  /** All that is allocated to it moves to others. */
  readonly isDraining: boolean
  /** It is not a member any more: its allocations are moved without waiting for it. */
  readonly isRemoved: boolean
  /** Until then its silence is no reason to move anything. Unix milliseconds; undefined = no maintenance. */
  readonly maintenanceUntilMs: number | undefined
}

/** A peer of which nothing was said. */
export function unmarked(peer: PeerId): PeerMark {
  return { peer, isCordoned: false, isDraining: false, isRemoved: false, maintenanceUntilMs: undefined }
}
