import type { PeerId } from '../../model/peer.ts'

/** How many copies peers have to give away, and how many others have to get, so that all have their share. */
export interface Quotas {
  readonly surplus: Map<PeerId, number>
  readonly need: Map<PeerId, number>
  /** Copies to move. Both sides have as many. */
  readonly copies: number
}

/** A spread below this is left as it is: content is not moved for the sake of a pin. */
const TOLERANCE = 0.01

/**
 * The shares of peers of all that they keep together: equal, and the copies that cannot be divided stay with those that have
 * most, so that as little as possible moves. Pure, and the same on every peer.
 */
export function sharesOf(counts: ReadonlyMap<PeerId, number>): ReadonlyMap<PeerId, number> {
  const total = [...counts.values()].reduce((sum, count) => sum + count, 0)
  const least = counts.size === 0 ? 0 : Math.floor(total / counts.size)
  let left = total - least * counts.size
  const byCount = [...counts].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1))
  return new Map(byCount.map(([peer]) => [peer, least + (left-- > 0 ? 1 : 0)]))
}

/** Greatest distance of a peer from the mean, as a part of the mean; 0 where there is nothing. */
export function spreadOf(counts: ReadonlyMap<PeerId, number>): number {
  const all = [...counts.values()]
  const mean = all.reduce((sum, count) => sum + count, 0) / Math.max(1, all.length)
  return mean === 0 ? 0 : Math.max(...all.map(count => Math.abs(count - mean))) / mean
}

/** What has to move. The least that leads to the shares: a copy that moves goes from too many to too few. */
export function quotasOf(counts: ReadonlyMap<PeerId, number>): Quotas {
  const surplus = new Map<PeerId, number>()
  const need = new Map<PeerId, number>()
  let copies = 0
  if (spreadOf(counts) <= TOLERANCE) return { surplus, need, copies }
  for (const [peer, share] of sharesOf(counts)) {
    const over = (counts.get(peer) ?? 0) - share
    if (over > 0) surplus.set(peer, over)
    if (over < 0) need.set(peer, -over)
    copies += Math.max(0, over)
  }
  return { surplus, need, copies }
}
