import type { Cid } from './cid.ts'
import type { Metric } from './metric.ts'
import type { PeerId } from './peer.ts'
import type { Placement } from './placement.ts'

/**
 * Why a peer is not chosen: it is about to leave, not trusted (or only others may be chosen), reports too little, is not
 * well, operators do not want it, its disk is full, it has the wrong tags, or a copy is in its domain already.
 */
export type ObjectionKind =
  | 'leaving'
  | 'trust'
  | 'metrics'
  | 'condition'
  | 'mark'
  | 'full'
  | 'placement'
  | 'domain'

/** A reason not to choose a peer; the text goes on after the name of the peer. */
export interface Objection {
  readonly kind: ObjectionKind
  readonly text: string
}

/** What the allocator must decide, with all it may know. */
export interface AllocationRequest {
  readonly cid: Cid
  readonly replicationMin: number
  readonly replicationMax: number
  /** Where the content is allocated now. */
  readonly current: readonly PeerId[]
  /** Peers to prefer, best first. */
  readonly preferred: readonly PeerId[]
  /** Peers that must not be in the answer; others take their places. */
  readonly excluded: ReadonlyMap<PeerId, Objection>
  /** Peers that get nothing new; what they keep already they go on keeping. */
  readonly closed: ReadonlyMap<PeerId, Objection>
  /** Peers that live: only they are chosen, and the copies of others do not count. Whether they report does not matter. */
  readonly living: ReadonlySet<PeerId>
  /** Content is only to leave the excluded peers: whatever else is known of others that keep it, they stay and count. */
  readonly isMove: boolean
  readonly placement: Placement
  /** Metric names to order by, most important first. A peer counts only if it has all of them. */
  readonly allocateBy: readonly string[]
  /** Valid metrics by name: those to order by, the tags that the placement looks at, and how full disks are. */
  readonly metrics: ReadonlyMap<string, readonly Metric[]>
  /** How much was given to a peer of late: of peers that are equal those with less come first. Default: all are alike. */
  readonly tallyOf?: (peer: PeerId) => number
  /** Every peer that is known, with its name; '' = it has none. */
  readonly names: ReadonlyMap<PeerId, string>
}

/** What the allocator makes of a peer. `stays` and `chosen` are in the answer. */
export const PEER_VERDICTS = ['stays', 'chosen', 'spare', 'dropped', 'refused'] as const
export type PeerVerdict = (typeof PEER_VERDICTS)[number]

/** A peer in an explanation. */
export interface ExplainedPeer {
  readonly peer: PeerId
  readonly peername: string
  readonly verdict: PeerVerdict
  /** Why, in words. */
  readonly reason: string
  /** Place among those that could be chosen, from 1; undefined for all others. */
  readonly rank: number | undefined
  /** Values of the metrics that the decision looks at. */
  readonly metrics: ReadonlyMap<string, string>
}

/** A decision with its reasons. */
export interface AllocationExplanation {
  readonly isPinned: boolean
  /** Where it is allocated now. */
  readonly current: readonly PeerId[]
  readonly replicationMin: number
  readonly replicationMax: number
  /** Empty = every peer, or none when there is an error. */
  readonly allocations: readonly PeerId[]
  /** Why it is not possible; undefined when it is. */
  readonly error: string | undefined
  readonly peers: readonly ExplainedPeer[]
}

/** Decides as the allocator does, and says why; an error is part of the answer. */
export type ExplainAllocation = (
  request: AllocationRequest,
) => Pick<AllocationExplanation, 'allocations' | 'error' | 'peers'>
