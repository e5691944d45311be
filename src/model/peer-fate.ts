import type { PeerId } from './peer.ts'

/**
 * What becomes of what a peer keeps that is gone: nothing is allocated to it (`empty`), it is being moved (`moves`), it will be,
 * unless the peer comes back (`waits`), so many are away that it stays (`guarded`), repinning is switched off (`stays`).
 */
export type PeerFate = 'empty' | 'moves' | 'waits' | 'guarded' | 'stays'

/** Undefined when this peer does not know it, as a follower that moves nothing. */
export type FateOf = (peer: PeerId) => PeerFate | undefined
