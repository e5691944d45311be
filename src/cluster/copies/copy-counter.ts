import { compareBytes } from '../../lib/bytes.ts'
import type { PeerId } from '../../model/peer.ts'
import { isEverywhere, type Pin } from '../../model/pin.ts'
import type {
  CopiesOfPin,
  CopyState,
  PeerCopies,
  ReplicationQuestion,
  ReplicationReport,
} from '../../model/replication-report.ts'

/** Who is there to count. */
export interface Members {
  /** Peers that are meant to keep what every peer keeps. */
  readonly all: ReadonlySet<PeerId>
  /** Those of all peers whose copies count. */
  readonly live: ReadonlySet<PeerId>
  readonly nameOf: (peer: PeerId) => string
}

/** Counts pin by pin how many have how many copies. Holds a number or two for each peer, and the few CIDs that are asked for. */
export class CopyCounter {
  readonly #members: Members
  readonly #question: ReplicationQuestion
  readonly #counts = { none: 0, under: 0, partial: 0, full: 0 }
  readonly #peers = new Map<PeerId, { allocatedCount: number; soleCount: number }>()
  readonly #pins: CopiesOfPin[] = []
  #pinsCount = 0
  #heldCount = 0

  constructor(members: Members, question: ReplicationQuestion) {
    this.#members = members
    this.#question = question
    for (const peer of [...members.all, ...members.live]) this.#peerOf(peer)
  }

  /** Counts a pin; `holders` are the live peers that have it, so many of them only until others do. */
  look(pin: Pin, holders: ReadonlySet<PeerId>, held = 0): void {
    const { all } = this.#members
    const isOnAll = isEverywhere(pin)
    for (const peer of isOnAll ? all : pin.allocations) this.#peerOf(peer).allocatedCount += 1
    const [sole] = holders
    if (sole !== undefined && holders.size === 1) this.#peerOf(sole).soleCount += 1
    const wanted = isOnAll ? { min: 1, max: all.size } : { min: pin.replicationMin, max: pin.replicationMax }
    const state = stateOf(holders.size, wanted)
    this.#counts[state] += 1
    this.#pinsCount += 1
    if (held > 0) this.#heldCount += 1
    const { states, limit, after } = this.#question
    if (!states.has(state) || this.#pins.length >= limit) return
    if (after !== undefined && compareBytes(pin.cid.bytes, after.bytes) <= 0) return
    this.#pins.push({
      cid: pin.cid,
      name: pin.name,
      state,
      copies: holders.size,
      held,
      wantedMin: wanted.min,
      wantedMax: wanted.max,
      allocations: isOnAll ? [] : pin.allocations,
    })
  }

  finish(): ReplicationReport {
    const { live, nameOf } = this.#members
    const peers = [...this.#peers].map(
      ([peer, counts]): PeerCopies => ({
        peer,
        peername: nameOf(peer),
        isLive: live.has(peer),
        ...counts,
      }),
    )
    return {
      isChecked: this.#question.isChecked,
      pinsCount: this.#pinsCount,
      heldCount: this.#heldCount,
      counts: { ...this.#counts },
      peers: peers.sort((a, b) => (a.peer < b.peer ? -1 : 1)),
      pins: this.#pins,
    }
  }

  #peerOf(peer: PeerId): { allocatedCount: number; soleCount: number } {
    const known = this.#peers.get(peer)
    if (known !== undefined) return known
    const made = { allocatedCount: 0, soleCount: 0 }
    this.#peers.set(peer, made)
    return made
  }
}

/** How a pin with so many copies stands. */
export function stateOf(
  copies: number,
  { min, max }: { readonly min: number; readonly max: number },
): CopyState {
  if (copies === 0) return 'none'
  if (copies < min) return 'under'
  return copies < max ? 'partial' : 'full'
}
