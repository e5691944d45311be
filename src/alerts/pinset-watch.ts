import type { Consensus, Monitor, Network } from '../interfaces.ts'
import type { Clock } from '../lib/clock.ts'
import type { PeerId } from '../model/peer.ts'
import type { AlertBook } from './alert-book.ts'
import { nameOf, roughly } from './wording.ts'

/** Metric by which peers tell the root digest of their pinset. */
const PINSET = 'pinset'

/** What comparing pinsets needs. */
export interface PinsetWatchParts {
  readonly book: AlertBook
  readonly consensus: Pick<Consensus, 'isTrusted' | 'rootDigest' | 'state'>
  readonly monitor: Pick<Monitor, 'hello' | 'latest'>
  readonly network: Pick<Network, 'peers' | 'self'>
  readonly clock: Pick<Clock, 'monotonic'>
  /** How long pinsets may differ at rest, milliseconds. */
  readonly afterMs: number
}

/**
 * Alerts of trusted, connected peers whose pinset is not ours although neither has changed for long: where writes go on,
 * pinsets differ at every moment, and that they do says nothing.
 */
export class PinsetWatch {
  readonly #parts: PinsetWatchParts
  /** Since when a peer differs, and both digests as they were then. */
  readonly #since = new Map<PeerId, { readonly digests: string; readonly atMs: number }>()

  constructor(parts: PinsetWatchParts) {
    this.#parts = parts
  }

  check(): void {
    const { book, clock, monitor, afterMs } = this.#parts
    const nowMs = clock.monotonic()
    const differing = this.#differing()
    for (const peer of this.#since.keys()) if (!differing.has(peer)) this.#since.delete(peer)
    for (const [peer, digests] of differing) {
      const known = this.#since.get(peer)
      if (known?.digests !== digests) this.#since.set(peer, { digests, atMs: nowMs })
      else if (nowMs - known.atMs >= afterMs) {
        const since = roughly(nowMs - known.atMs)
        const message = `the pinset of ${nameOf(monitor, peer)} is another than ours for ${since}, although the two are connected: compare with "state status", and see the logs of both for writes that were refused`
        book.raise('pinset-diverging', peer, message)
      }
    }
    for (const peer of book.subjects('pinset-diverging'))
      if (!differing.has(peer)) book.clear('pinset-diverging', peer)
  }

  #differing(): ReadonlyMap<PeerId, string> {
    const { consensus, monitor, network } = this.#parts
    if (!consensus.state.trust.isSelfTrusted) return new Map()
    const own = consensus.rootDigest
    const connected = new Set(network.peers())
    const differing = monitor
      .latest(PINSET)
      .filter(({ peer, value }) => peer !== network.self && connected.has(peer) && value !== own)
      .filter(({ peer }) => consensus.isTrusted(peer))
    return new Map(differing.map(({ peer, value }) => [peer, `${own} ${value}`]))
  }
}
