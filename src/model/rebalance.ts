import type { PeerId } from './peer.ts'

/** What a rebalance does to one peer. */
export interface PeerBalance {
  readonly peer: PeerId
  readonly peername: string
  /** Pins that are allocated to it by name, now and afterwards. */
  readonly pinsBefore: number
  readonly pinsAfter: number
  readonly pinsIn: number
  readonly pinsOut: number
  /** About: by the mean size of a pin on the peers that they leave. undefined = the size of a repository is not known. */
  readonly bytesIn: number | undefined
  readonly bytesOut: number | undefined
}

/** What a rebalance would do. Pins that every peer keeps are none of its business. */
export interface RebalancePlan {
  /** Peers among which is balanced, sorted by peer; the others neither give nor take. */
  readonly peers: readonly PeerBalance[]
  /** Entries of the pinset that would be written, each once. */
  readonly pinsMoved: number
  /** Copies that would be made elsewhere; an entry may have two. */
  readonly copiesMoved: number
  /** About. undefined = the size of a repository is not known. */
  readonly bytesMoved: number | undefined
  /** Greatest distance of a peer from its share, as a part of the share. */
  readonly spreadBefore: number
  readonly spreadAfter: number
  /** Moves that would help and that policies of placement, tags or full disks forbid. */
  readonly refusedCount: number
}

/** How far a rebalance has come. */
export const REBALANCE_STATES = ['idle', 'planning', 'moving', 'done', 'stopped', 'failed'] as const
export type RebalanceState = (typeof REBALANCE_STATES)[number]

/** A rebalance that a peer carries out or has carried out last. */
export interface RebalanceStatus {
  /** The peer that carries it out. */
  readonly peer: PeerId
  readonly state: RebalanceState
  /** Copies to move at most, known once it is planned, and those that were moved. */
  readonly copiesPlanned: number
  readonly copiesMoved: number
  readonly pinsMoved: number
  /** Moves that policies forbade. */
  readonly refusedCount: number
  readonly pinsPerSecond: number
  /** Unix milliseconds; undefined = not yet. */
  readonly startedAtMs: number | undefined
  readonly endedAtMs: number | undefined
  /** Why it stopped or failed; '' otherwise. */
  readonly reason: string
}

/** Bounds of the rate of a rebalance, pins a second. */
export const REBALANCE_RATE = { min: 0.1, max: 10_000, default: 20 } as const

/** What ends a question: the signal. */
interface Stoppable {
  readonly signal: AbortSignal
}

/** Spreads content anew over the peers. */
export interface Rebalancer {
  /** What it would do now. Writes nothing. */
  plan(options: Stoppable): Promise<RebalancePlan>
  /** Begins, and answers at once. `CONFLICT` while any peer is at it. */
  start(options: Stoppable & { readonly pinsPerSecond: number }): Promise<RebalanceStatus>
  /** What every peer is at or was at last; none where nothing was done. */
  statuses(options: Stoppable): Promise<readonly RebalanceStatus[]>
  /** Stops it on every peer; what was moved stays moved. */
  stop(options: Stoppable): Promise<readonly RebalanceStatus[]>
  /** The same of this peer alone. */
  own(): RebalanceStatus
  stopOwn(): Promise<RebalanceStatus>
}
