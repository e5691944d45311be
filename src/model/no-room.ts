import type { Cid } from './cid.ts'
import type { Metric } from './metric.ts'
import type { PeerId } from './peer.ts'

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

/** By the latest metrics of that name: which peers say that pins find no room there, and how many. What they tell may be any text. */
export function roomlessPeers(
  latest: readonly Pick<Metric, 'peer' | 'value'>[],
): ReadonlyMap<PeerId, number> {
  const counts = latest.map(({ peer, value }) => [peer, Number(value)] as const)
  return new Map(counts.filter(([, count]) => Number.isSafeInteger(count) && count > 0))
}
