import type { PeerId } from '../model/peer.ts'

/** How many of the last heartbeats of a peer count, and how many it takes to judge. */
const WINDOW = 15
const SAMPLES_MIN = 5
const PEERS_MAX = 4096

/** By how much a clock is wrong; `peer` undefined = our own, as most others say. Positive = ahead. */
export interface Skew {
  readonly peer: PeerId | undefined
  readonly aheadMs: number
}

/**
 * Compares clocks by the times that heartbeats were sent and received at. Their difference is the difference of the clocks
 * and the time on the way; since nothing arrives before it was sent, the smallest difference among the last heartbeats is
 * the nearest to the truth (the clock filter of NTP, RFC 5905 §10), whatever the network and our own pauses add to the others.
 */
export class ClockSkew {
  readonly #behindMs = new Map<PeerId, number[]>()

  note(peer: PeerId, sentAtMs: number, receivedAtMs: number): void {
    const samples = this.#behindMs.get(peer) ?? []
    if (samples.length === 0 && this.#behindMs.size >= PEERS_MAX) return
    samples.push(receivedAtMs - sentAtMs)
    if (samples.length > WINDOW) samples.shift()
    this.#behindMs.set(peer, samples)
  }

  forget(peer: PeerId): void {
    this.#behindMs.delete(peer)
  }

  /**
   * Clocks that are off by more than the bound, measured against the clock in the middle, ours included. With as many on
   * either side, ours is believed.
   */
  beyond(boundMs: number): readonly Skew[] {
    const ahead = [...this.#behindMs]
      .filter(([, samples]) => samples.length >= SAMPLES_MIN)
      .map(([peer, samples]) => ({ peer, aheadMs: -Math.min(...samples) }))
    const middle = middleOf([0, ...ahead.map(({ aheadMs }) => aheadMs)])
    const all: Skew[] = [{ peer: undefined, aheadMs: 0 }, ...ahead]
    return all
      .map(({ peer, aheadMs }) => ({ peer, aheadMs: aheadMs - middle }))
      .filter(({ aheadMs }) => Math.abs(aheadMs) > boundMs)
  }
}

/** The median; of two in the middle the one nearer to 0. */
function middleOf(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const low = sorted[(sorted.length - 1) >> 1] ?? 0
  const high = sorted[sorted.length >> 1] ?? 0
  return Math.abs(low) <= Math.abs(high) ? low : high
}
