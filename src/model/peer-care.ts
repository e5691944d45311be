import type { Cid } from './cid.ts'
import type { PeerId } from './peer.ts'
import type { PeerHealth } from './peer-health.ts'
import type { PeerMark } from './peer-mark.ts'

/** What is known of a peer, dead or alive, and what operators have said of it. */
export interface PeerState {
  readonly peer: PeerId
  /** '' = it was never heard of here. */
  readonly peername: string
  /** undefined = it was never heard of here. */
  readonly health: PeerHealth | undefined
  readonly isTrusted: boolean
  readonly mark: PeerMark
}

/** What is to be said of a peer; what is left out stays as it is. */
export type MarkChange = Partial<Omit<PeerMark, 'peer'>>

/** Content that nobody else can take at present, and why. */
export interface Unplaced {
  readonly cid: Cid
  readonly reason: string
}

/** What keeps a peer from being switched off, as it sees that itself. */
export interface OwnLeft {
  /** Pins that are allocated to it by name. */
  readonly allocatedCount: number
  /** CIDs that it holds though they are allocated to others only; never 0 while there may be some. */
  readonly handOverCount: number
}

/** A peer that says to have no room for some of the pins that are allocated to it. */
export interface Roomless {
  readonly peer: PeerId
  readonly peername: string
  readonly pinsCount: number
}

/** What a peer keeps, and what is left to be done before it can be switched off. */
export interface PeerContent {
  readonly state: PeerState
  /** Pins that are allocated to it by name. */
  readonly allocatedCount: number
  /** Pins that every peer keeps: they stay as long as it runs. */
  readonly everywhereCount: number
  /** Pins that are allocated to others only, and still held until these have them; undefined = the peer does not say. */
  readonly handOverCount: number | undefined
  /** Of those that are allocated: what nobody else can take. undefined = nobody looked. */
  readonly unplacedCount: number | undefined
  /** The first of them. */
  readonly unplaced: readonly Unplaced[]
  /** While something is held for hand-over: peers that have no room for what they are to keep. */
  readonly noRoom: readonly Roomless[]
  /** It can be switched off: nothing is allocated to it, and nothing waits to be handed over. */
  readonly isEmpty: boolean
}

/** CIDs that are told of what cannot be placed. */
export const UNPLACED_SHOWN_MAX = 10

/** Bounds of a maintenance, milliseconds. */
export const MAINTENANCE_MS = { min: 60_000, max: 30 * 86_400_000 } as const

/** What ends a question: the signal. */
interface Stoppable {
  readonly signal: AbortSignal
}

/** What operators do about peers. `NOT_FOUND` for one that nobody has heard of and to which nothing is allocated. */
export interface PeerCare {
  /** Every peer that was heard of or of which something is said, dead or alive; sorted by peer. */
  peers(): readonly PeerState[]
  /** Says something of a peer, for the whole cluster; durable here when it resolves. */
  say(peer: PeerId, change: MarkChange, options: Stoppable): Promise<PeerState>
  /** What it keeps; with `isChecked` also what of it others could not take. One pass over the pinset. */
  content(peer: PeerId, options: Stoppable & { readonly isChecked: boolean }): Promise<PeerContent>
  /** Moves all its content to others from now on. `REFUSED` when these cannot take all of it, unless it is forced. */
  drain(peer: PeerId, options: Stoppable & { readonly isForced: boolean }): Promise<PeerContent>
  /** Takes it out of the cluster. `REFUSED` for one that is alive and keeps content, unless it is forced. */
  remove(peer: PeerId, options: Stoppable & { readonly isForced: boolean }): Promise<void>
}
