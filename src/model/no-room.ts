import type { Cid } from './cid.ts'

/** Metric by which a peer tells how many pins find no room on its IPFS node. */
export const NO_ROOM_METRIC = 'noroom'

/** CIDs that one answer names at most. */
export const NO_ROOM_MAX = 500

/** Pins that are allocated to a peer and find no room on its IPFS node. */
export interface NoRoom {
  /** Those whose last attempt ended so. */
  readonly count: number
  /** Those that were tried more than once, or are not tried again, behind a CID: the next `NO_ROOM_MAX` in an order of their own. */
  list(after: Cid | undefined): readonly Cid[]
}

/** How many pins a peer says to find no room: what it tells may be any text. */
export function noRoomCount(value: string): number {
  const count = Number(value)
  return Number.isSafeInteger(count) && count > 0 ? count : 0
}
