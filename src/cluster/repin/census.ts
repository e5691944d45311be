import type { Consensus, Options } from '../../interfaces.ts'
import { pagesOf } from '../../lib/pages.ts'
import type { Cid } from '../../model/cid.ts'
import type { PeerId } from '../../model/peer.ts'
import { isEverywhere, type Pin } from '../../model/pin.ts'

/** Peers by which pins are told apart. */
export interface Roles {
  readonly isLeaving: (peer: PeerId) => boolean
  /** Whether a copy on the peer can be fetched. */
  readonly isLive: (peer: PeerId) => boolean
  /** Whether this peer is the one to move the CID. */
  readonly isOurs: (cid: Cid) => boolean
}

/** What one pass over the pinset found. */
export interface Census {
  /** Pins with an allocation to a peer that leaves. */
  readonly waitingCount: number
  readonly withoutLiveCopyCount: number
  /** Of those that this peer has to move: how many have how many live copies. */
  readonly oursByCopies: ReadonlyMap<number, number>
  /** Every peer that some pin is allocated to. */
  readonly allocated: ReadonlySet<PeerId>
}

/** Peers that are remembered: far more than a cluster has. */
const ALLOCATED_MAX = 100_000

/** Whether something is to be done about a pin: it is on particular peers, and one of them leaves. */
export function isConcerned(pin: Pin, isLeaving: Roles['isLeaving']): boolean {
  return !isEverywhere(pin) && pin.allocations.some(isLeaving)
}

/** How many of the allocated peers live. */
export function liveCopies(pin: Pin, isLive: Roles['isLive']): number {
  return pin.allocations.filter(isLive).length
}

/** Counts, in one pass over the pinset. */
export async function takeCensus(
  consensus: Pick<Consensus, 'pins'>,
  { isLeaving, isLive, isOurs }: Roles,
  { signal }: Options,
): Promise<Census> {
  const allocated = new Set<PeerId>()
  const oursByCopies = new Map<number, number>()
  let waitingCount = 0
  let withoutLiveCopyCount = 0
  for await (const page of pagesOf(consensus.pins({}, { signal }))) {
    for (const pin of page) {
      if (isEverywhere(pin)) continue
      for (const peer of pin.allocations) if (allocated.size < ALLOCATED_MAX) allocated.add(peer)
      if (!isConcerned(pin, isLeaving)) continue
      const copies = liveCopies(pin, isLive)
      waitingCount++
      if (copies === 0) withoutLiveCopyCount++
      if (isOurs(pin.cid)) oursByCopies.set(copies, (oursByCopies.get(copies) ?? 0) + 1)
    }
  }
  return { waitingCount, withoutLiveCopyCount, oursByCopies, allocated }
}

/**
 * In which order pins are moved: those with the fewest live copies first. Those without any come last: nothing can be
 * fetched for them from an allocated peer, so that they would only stand in the way of what can still be saved.
 */
export function orderOf({ oursByCopies }: Census): readonly number[] {
  const last = (copies: number) => (copies === 0 ? Number.POSITIVE_INFINITY : copies)
  return [...oursByCopies.keys()].sort((a, b) => last(a) - last(b))
}
