import type { Code } from '../errors.ts'
import type { ClusterAlert } from './alert.ts'
import type { Cid } from './cid.ts'
import type { PeerId } from './peer.ts'
import type { PinStatus } from './pin-status.ts'

/** What events can be about. */
export const EVENT_KINDS = ['pin', 'status', 'peer', 'alert'] as const
export type EventKind = (typeof EVENT_KINDS)[number]

/** What has become of an entry of the pinset. */
export const PIN_CHANGES = ['added', 'changed', 'set', 'removed'] as const
export type PinChange = (typeof PIN_CHANGES)[number]

/** Something that has happened, as far as this peer knows. */
export type Happening =
  /** An entry of the pinset was written or taken out. `set`: it is not known whether it is new. */
  | { readonly kind: 'pin'; readonly cid: Cid; readonly change: PinChange; readonly name: string }
  /** The state of a CID at this peer has changed. */
  | {
      readonly kind: 'status'
      readonly cid: Cid
      readonly status: PinStatus
      readonly error: string
      readonly reason: Code | undefined
      readonly attemptCount: number
    }
  /** A peer has become, or is no longer, one of those that live. */
  | {
      readonly kind: 'peer'
      readonly peer: PeerId
      readonly peername: string
      readonly change: 'joined' | 'left'
    }
  /** Something that somebody should know of has begun, has become another kind of it, or is over. */
  | {
      readonly kind: 'alert'
      readonly change: 'raised' | 'changed' | 'cleared'
      readonly alert: ClusterAlert
    }
  /** Events were missed: what is wanted has to be listed anew. */
  | { readonly kind: 'reset' }
  /** Nothing has happened that was asked for: a sign of life, whose id is where to go on. */
  | { readonly kind: 'alive' }

/** A happening with the peer that tells of it, when it did so, and its place in the order: an id is a cursor. */
export type ClusterEvent = Happening & {
  readonly id: string
  readonly atMs: number
  readonly teller: PeerId
}

/** Which events to see. Everything that is given must be so, except of resets and signs of life. */
export interface EventQuery {
  /** Id of the last event that was seen; absent = what happens from now on. */
  readonly after?: string
  readonly kinds?: ReadonlySet<EventKind>
  /** Only events about this CID. */
  readonly cid?: Cid
}

/** Tells events as they come. */
export interface EventFeed {
  /**
   * Events in order, in pages. Does not end before its signal. The first page, a sign of life, comes at once. Throws
   * `INVALID_ARGUMENT` for what is no id.
   */
  events(query: EventQuery, options: { readonly signal: AbortSignal }): AsyncIterable<readonly ClusterEvent[]>
}
