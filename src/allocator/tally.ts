import type { PeerId } from '../model/peer.ts'

/** So many contents a peer may be behind the others: one that comes (again) is not flooded to catch up. */
const BEHIND_MAX = 4
const PEERS_MAX = 8192

/**
 * How many contents this process has given to each peer. Chance alone spreads thousands of contents over equal peers with
 * differences of several percent; where every process that allocates deals its own evenly, the sum is even.
 */
export class Tally {
  readonly #counts = new Map<PeerId, number>()
  #most = 0

  add(peers: readonly PeerId[]): void {
    if (this.#counts.size >= PEERS_MAX) this.#counts.clear()
    for (const peer of peers) {
      const count = this.of(peer) + 1
      this.#counts.set(peer, count)
      this.#most = Math.max(this.#most, count)
    }
  }

  /** The count of a peer, none being far behind the greatest. */
  of(peer: PeerId): number {
    return Math.max(this.#counts.get(peer) ?? 0, this.#most - BEHIND_MAX)
  }
}
