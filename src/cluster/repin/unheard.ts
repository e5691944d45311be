import type { PeerId } from '../../model/peer.ts'
import type { PeerHealth } from '../../model/peer-health.ts'

/** Far more than a cluster has lost. */
const PEERS_MAX = 1000

/**
 * Peers that content is allocated to and that were never heard of in this run: gone before it began, or still to come. The
 * time counts from when they were missed, not from the start, since others may have met a newcomer earlier.
 */
export class Unheard {
  readonly #sinceMs = new Map<PeerId, number>()

  /** Since when each of them is missed. */
  get sinceMs(): ReadonlyMap<PeerId, number> {
    return this.#sinceMs
  }

  /** Those that were heard of meanwhile are like all others. */
  hear(health: readonly PeerHealth[]): void {
    for (const { peer } of health) this.#sinceMs.delete(peer)
  }

  /** What the pinset names. */
  note(allocated: ReadonlySet<PeerId>, health: readonly PeerHealth[], nowMs: number): void {
    const heard = new Set(health.map(({ peer }) => peer))
    for (const peer of this.#sinceMs.keys()) if (!allocated.has(peer)) this.#sinceMs.delete(peer)
    for (const peer of allocated) {
      if (heard.has(peer) || this.#sinceMs.has(peer) || this.#sinceMs.size >= PEERS_MAX) continue
      this.#sinceMs.set(peer, nowMs)
    }
  }
}
