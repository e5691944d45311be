import { ClusterError } from '../../errors.ts'
import type { PeerId } from '../../model/peer.ts'
import { isEverywhere, type Pin } from '../../model/pin.ts'
import type { peerChooser } from '../choose-peers.ts'
import type { Quotas } from './shares.ts'

/** What becomes of the allocation of one pin. */
export interface Move {
  readonly pin: Pin
  readonly allocations: readonly PeerId[]
  readonly from: readonly PeerId[]
  readonly to: readonly PeerId[]
}

/**
 * Decides pin by pin what moves, and uses the quotas up. Which pins move follows from their order, so that the plan for a
 * pinset is always the same. A move is asked of the chooser of peers, with all policies: what it does not want does not move.
 */
export class Mover {
  readonly #quotas: Quotas
  readonly #left: { copies: number }
  refusedCount = 0

  constructor(quotas: Quotas) {
    this.#quotas = quotas
    this.#left = { copies: quotas.copies }
  }

  /** Whether all has its share. */
  get isDone(): boolean {
    return this.#left.copies <= 0
  }

  /** The move of a pin that brings peers nearer to their shares; undefined when there is none. */
  look(pin: Pin, choose: ReturnType<typeof peerChooser>): Move | undefined {
    if (this.isDone || isEverywhere(pin) || pin.type === 'meta-pin') return undefined
    const { surplus, need } = this.#quotas
    const from = pin.allocations.filter(peer => (surplus.get(peer) ?? 0) > 0)
    if (from.length === 0) return undefined
    const to = [...need]
      .filter(([peer, count]) => count > 0 && !pin.allocations.includes(peer))
      .sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1))
      .map(([peer]) => peer)
    // All at once if that is possible, so that the entry is written once; else the first that policies let through.
    const most = Math.min(from.length, to.length)
    const tried = most > 1 ? [{ from: byMost(from, surplus).slice(0, most), to: to.slice(0, most) }] : []
    for (const giver of byMost(from, surplus)) {
      for (const taker of to) tried.push({ from: [giver], to: [taker] })
    }
    for (const each of tried) {
      const allocations = allowed(pin, each, choose)
      if (allocations !== undefined) return this.#take({ pin, allocations, ...each })
    }
    if (to.length > 0) this.refusedCount += 1
    return undefined
  }

  #take(move: Move): Move {
    const { surplus, need } = this.#quotas
    for (const peer of move.from) surplus.set(peer, (surplus.get(peer) ?? 0) - 1)
    for (const peer of move.to) need.set(peer, (need.get(peer) ?? 0) - 1)
    this.#left.copies -= move.from.length
    return move
  }
}

function byMost(peers: readonly PeerId[], counts: ReadonlyMap<PeerId, number>): readonly PeerId[] {
  return [...peers].sort((a, b) => (counts.get(b) ?? 0) - (counts.get(a) ?? 0) || (a < b ? -1 : 1))
}

/** The allocation after the move if whoever chooses peers comes to the same; undefined if not. */
function allowed(
  pin: Pin,
  { from, to }: Pick<Move, 'from' | 'to'>,
  choose: ReturnType<typeof peerChooser>,
): readonly PeerId[] | undefined {
  const count = pin.allocations.length
  const kept = pin.allocations.filter(peer => !from.includes(peer))
  const wanted = [...kept, ...to]
  try {
    const chosen = choose({
      cid: pin.cid,
      replication: { min: count, max: count },
      existing: pin,
      preferred: to,
      leaving: new Set(from),
    })
    return chosen.length === count && wanted.every(peer => chosen.includes(peer)) ? wanted : undefined
  } catch (thrown) {
    if (thrown instanceof ClusterError) return undefined
    throw thrown
  }
}
