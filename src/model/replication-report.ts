import type { Cid } from './cid.ts'
import type { PeerId } from './peer.ts'

/**
 * How a pin stands: `none` = no live copy, `under` = fewer than it asks for at least, `partial` = enough, but fewer than it
 * asks for at most, `full` = as many as it asks for.
 */
export const COPY_STATES = ['none', 'under', 'partial', 'full'] as const
export type CopyState = (typeof COPY_STATES)[number]

/** A pin that was looked for. */
export interface CopiesOfPin {
  readonly cid: Cid
  readonly name: string
  readonly state: CopyState
  readonly copies: number
  /** Of these, copies that peers hold only until those to which it is allocated have it. */
  readonly held: number
  readonly wantedMin: number
  readonly wantedMax: number
  /** Empty = every peer. */
  readonly allocations: readonly PeerId[]
}

/** What a peer does for the pins. */
export interface PeerCopies {
  readonly peer: PeerId
  readonly peername: string
  /** Whether its copies count. */
  readonly isLive: boolean
  /** Pins that are allocated to it, by name or because every peer keeps them. */
  readonly allocatedCount: number
  /** Pins of which it has the only live copy. */
  readonly soleCount: number
}

/** How many pins have how many live copies. */
export interface ReplicationReport {
  /** Whether peers were asked what they hold; otherwise a copy is there where it is allocated to a live peer. */
  readonly isChecked: boolean
  readonly pinsCount: number
  /** Pins of which some copy is held only until others have it; 0 where nobody was asked. */
  readonly heldCount: number
  readonly counts: Readonly<Record<CopyState, number>>
  /** Sorted by peer. */
  readonly peers: readonly PeerCopies[]
  /** The first that were looked for, in order of CID bytes. */
  readonly pins: readonly CopiesOfPin[]
}

/** What is asked of the report. */
export interface ReplicationQuestion {
  readonly isChecked: boolean
  /** Of which pins the CIDs are told. */
  readonly states: ReadonlySet<CopyState>
  /** How many of them, behind this one. */
  readonly limit: number
  readonly after: Cid | undefined
}

/** CIDs that a report tells at most, and unless it is said otherwise. */
export const REPORT_LIMIT = { max: 1000, default: 20 } as const
