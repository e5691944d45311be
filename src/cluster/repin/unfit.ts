import type { Clock } from '../../lib/clock.ts'
import { LatestMap } from '../../lib/latest-map.ts'
import { type Cid, cidKey } from '../../model/cid.ts'
import type { PeerId } from '../../model/peer.ts'

/** CIDs that are remembered, the last ones. */
const CIDS_MAX = 10_000
/** Peers that are remembered of each. */
const PEERS_MAX = 32
/** How long content is not placed again where it did not fit: long enough for somebody to make room. */
const HOLDS_MS = 6 * 3_600_000

const NONE: ReadonlySet<PeerId> = new Set()

/** Where content did not fit, of late: it is not to come back there, nor to go round in circles. */
export class Unfit {
  readonly #clock: Pick<Clock, 'monotonic'>
  readonly #untilMs = new LatestMap<string, Map<PeerId, number>>(CIDS_MAX)

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock
  }

  /** It did not fit there. */
  note(cid: Cid, peer: PeerId): void {
    const name = cidKey(cid)
    const peers = this.#untilMs.get(name) ?? new Map<PeerId, number>()
    peers.delete(peer)
    peers.set(peer, this.#clock.monotonic() + HOLDS_MS)
    for (const oldest of peers.keys()) {
      if (peers.size <= PEERS_MAX) break
      peers.delete(oldest)
    }
    this.#untilMs.set(name, peers)
  }

  /** Peers on which it did not fit. */
  of(cid: Cid): ReadonlySet<PeerId> {
    const name = cidKey(cid)
    const peers = this.#untilMs.get(name)
    if (peers === undefined) return NONE
    const nowMs = this.#clock.monotonic()
    for (const [peer, untilMs] of peers) if (untilMs <= nowMs) peers.delete(peer)
    if (peers.size > 0) return new Set(peers.keys())
    this.#untilMs.delete(name)
    return NONE
  }
}
