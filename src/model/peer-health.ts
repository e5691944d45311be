import type { PeerId } from './peer.ts'

/**
 * What this peer makes of another. *suspect*: shown, and nothing new is allocated to it; *unreachable*: an alert is raised;
 * *gone*: its content may be moved.
 */
export const PEER_CONDITIONS = ['alive', 'suspect', 'unreachable', 'gone'] as const
export type PeerCondition = (typeof PEER_CONDITIONS)[number]

/** How sure this peer is of another's life. */
export interface PeerHealth {
  readonly peer: PeerId
  readonly condition: PeerCondition
  /** Suspicion: −log10 of the chance that a heartbeat still comes. Finite; 0 for self. */
  readonly phi: number
  /** Unix milliseconds of the last heartbeat; undefined = it was never heard, though it should be there. */
  readonly heardAtMs: number | undefined
  /** Unix milliseconds since when the condition holds. */
  readonly sinceMs: number
}
