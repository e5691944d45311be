import type { PeerMarks } from '../../src/interfaces.ts'
import { cidKey } from '../../src/model/cid.ts'
import type { PeerId } from '../../src/model/peer.ts'
import { takesNothing } from '../../src/model/peer-mark.ts'
import { isAllocatedTo, type Pin } from '../../src/model/pin.ts'

/** After so long without a connection every peer must have found another unreachable, however patient it is. */
const NOTICED_MS = 75_000
/** What a peer said that it holds is believed for a minute, and may have been read from a listing of ten times 10 s before. */
const HELD_IS_FRESH_MS = 180_000
/** A CID that nobody could move is taken over by the next nearest peer only after a look without any progress. */
const TAKEN_OVER_MS = 55_000

/** Who moves, and what that peer knows. */
export interface MoveAuthor {
  readonly index: number
  readonly marks: PeerMarks
  readonly live: readonly PeerId[]
  /** An operator has asked for equal shares. */
  readonly isRebalance: boolean
}

/** An allocation written anew. */
export interface Move {
  readonly isRebalance: boolean
  readonly author: number
  readonly name: string
  readonly key: string
  readonly from: string
  readonly to: readonly PeerId[]
  readonly live: string
  readonly beganMs: number
  endedMs: number
}

/** What moving came to. */
export interface MoveCounts {
  readonly movesCount: number
  /** Moves of an entry that somebody else moved from the same peers as well. */
  readonly doublesCount: number
  /** Those of peers that took the same others for living, which should have agreed on who acts. */
  readonly unexplainedCount: number
}

/** A machine, as far as the watch looks at it. */
export interface Watchable {
  readonly index: number
  readonly id: PeerId
  readonly running: unknown
}

/** What the watch works with. */
export interface MoveWatchParts {
  readonly nowMs: () => number
  readonly isConnected: (a: PeerId, b: PeerId) => boolean
  readonly tell: (line: string) => void
  readonly fail: (what: string) => void
}

/** Looks over the shoulder of all who move content: who moves what away from whom, when, and what is let go of then. */
export class MoveWatch {
  readonly #parts: MoveWatchParts
  /** The lives, `peer:life`, that go on. */
  lives: () => readonly string[] = () => []
  readonly #moves: Move[] = []
  /** Name of an entry → the allocations that moves gave it. */
  readonly #allocations = new Map<string, Set<string>>()
  /** Name of an entry → lives of peers, `peer:life`, that saw it removed. */
  readonly #seenRemoved = new Map<string, Set<string>>()
  /** Peer that looks → peer that is looked at → when they were last connected in this life of the first. */
  readonly #connectedMs = new Map<number, Map<PeerId, number>>()
  /** Peer → content → when it was last known to be held there. */
  readonly #heldMs = new Map<PeerId, Map<string, number>>()

  constructor(parts: MoveWatchParts) {
    this.#parts = parts
  }

  /** Notes who is connected; to be called every second. */
  look(peers: readonly Watchable[]): void {
    const { nowMs, isConnected } = this.#parts
    for (const { index, id, running } of peers) {
      if (running === undefined) {
        this.#connectedMs.delete(index)
        continue
      }
      const seen = this.#connectedMs.get(index) ?? new Map<PeerId, number>()
      this.#connectedMs.set(index, seen)
      for (const other of peers) {
        if (other.id === id) continue
        // Whom it never met in this life it misses from its own start on.
        const isNew = !seen.has(other.id)
        if (isNew || isConnected(id, other.id)) seen.set(other.id, nowMs())
      }
    }
  }

  /** A peer is about to write an allocation anew. */
  begin({ index, marks, live, isRebalance }: MoveAuthor, before: Pin | undefined, after: Pin): Move {
    const { nowMs, tell, fail } = this.#parts
    const from = before?.allocations ?? []
    const to = after.allocations
    const move = {
      isRebalance,
      author: index,
      name: after.name,
      key: cidKey(after.cid),
      from: [...from].sort().join(),
      to,
      live: live.join(),
      beganMs: nowMs(),
      endedMs: Number.POSITIVE_INFINITY,
    }
    const what = `peer ${index} moves ${after.name} of ${after.cid}`
    tell(`${what} from ${from.map(shortened)} to ${to.map(shortened)}${isRebalance ? ', asked to' : ''}`)
    const left = from.filter(peer => !to.includes(peer))
    if (left.length === 0) fail(`${what} away from nobody`)
    for (const peer of isRebalance ? [] : left) {
      const { isDraining, isRemoved } = marks.of(peer)
      if (isDraining || isRemoved) continue
      if (live.includes(peer)) fail(`${what} away from ${peer}, which lives`)
      if (marks.of(peer).maintenanceUntilMs !== undefined)
        fail(`${what} away from ${peer}, which is in maintenance`)
      this.#checkMajority(index, marks, what)
    }
    for (const peer of to) {
      if (from.includes(peer)) continue
      if (!live.includes(peer)) fail(`${what} to ${peer}, which it does not take for living`)
      if (takesNothing(marks.of(peer))) fail(`${what} to ${peer}, which is to get nothing`)
    }
    this.#moves.push(move)
    const known = this.#allocations.get(after.name) ?? new Set()
    this.#allocations.set(after.name, known.add(asText(to)))
    return move
  }

  end(move: Move): void {
    move.endedMs = this.#parts.nowMs()
  }

  /** A partition moves nothing: whoever has not met half of the others for long takes it for one. */
  #checkMajority(author: number, marks: PeerMarks, what: string): void {
    const nowMs = this.#parts.nowMs()
    const seen = this.#connectedMs.get(author) ?? new Map<PeerId, number>()
    const others = [...seen].filter(([peer]) => !marks.of(peer).isRemoved)
    const away = others.filter(([, metMs]) => nowMs - metMs > NOTICED_MS).length
    if (away * 2 > others.length)
      this.#parts.fail(`${what} by itself, though ${away} of ${others.length} others are away`)
  }

  /** Whether a move gave an entry these allocations. */
  isMovedTo(name: string, allocations: readonly PeerId[]): boolean {
    return this.#allocations.get(name)?.has(asText(allocations)) === true
  }

  /** Whether an entry was ever moved. */
  isMoved(name: string): boolean {
    return this.#allocations.has(name)
  }

  /** The view of a peer in this life lost an entry, which was removed or replaced. */
  noteRemoved(peer: number, life: number, name: string): void {
    const seen = this.#seenRemoved.get(name) ?? new Set()
    this.#seenRemoved.set(name, seen.add(`${peer}:${life}`))
  }

  /**
   * Whether an entry that was removed or replaced may be there nevertheless: a move that crossed that brought it back when nobody was left
   * who remembers that, since it is remembered in memory only.
   */
  mayBeBack(name: string): boolean {
    const seen = this.#seenRemoved.get(name)
    return this.isMoved(name) && !this.lives().some(life => seen?.has(life))
  }

  /** Whether a peer in this life may show an entry that is gone: a move brought it back, and it was not there to see it go. */
  mayShow(name: string, life: string): boolean {
    return this.isMoved(name) && this.#seenRemoved.get(name)?.has(life) !== true
  }

  /** An IPFS node has, or had until now, a content. */
  noteHeld(peer: PeerId, key: string): void {
    const held = this.#heldMs.get(peer) ?? new Map<string, number>()
    this.#heldMs.set(peer, held.set(key, this.#parts.nowMs()))
  }

  /** The hand-over rule: what is still in the pinset is let go of only when enough of those that are to keep it have it. */
  onUnpin(peer: number, id: PeerId, pin: Pin, holds: (peer: PeerId, key: string) => boolean): void {
    if (isAllocatedTo(pin, id)) return
    const { nowMs, fail } = this.#parts
    const key = cidKey(pin.cid)
    const sinceMs = nowMs() - HELD_IS_FRESH_MS
    const keepers = pin.allocations.filter(
      each => holds(each, key) || (this.#heldMs.get(each)?.get(key) ?? Number.NEGATIVE_INFINITY) > sinceMs,
    )
    // Not asked of the source, in which a fault may have been put.
    const needed = Math.max(1, Math.min(pin.replicationMin, pin.allocations.length))
    if (keepers.length < needed)
      fail(
        `peer ${peer} lets go of ${pin.cid} (${pin.name}), which ${keepers.length} of ${needed} others hold`,
      )
  }

  /** How much was moved, and how much of it twice. */
  counts(): MoveCounts {
    const byTask = new Map<string, Move[]>()
    for (const move of this.#moves) {
      if (move.isRebalance) continue
      const task = `${move.key} ${move.name} ${move.from}`
      byTask.set(task, [...(byTask.get(task) ?? []), move])
    }
    let doublesCount = 0
    let unexplainedCount = 0
    for (const [first, ...others] of byTask.values()) {
      doublesCount += others.length
      unexplainedCount += others.filter(other => first !== undefined && isUnexplained(first, other)).length
    }
    return { movesCount: this.#moves.length, doublesCount, unexplainedCount }
  }
}

function isUnexplained(a: Move, b: Move): boolean {
  return a.author !== b.author && a.live === b.live && Math.abs(a.beganMs - b.beganMs) < TAKEN_OVER_MS
}

function asText(peers: readonly PeerId[]): string {
  return [...peers].sort().join()
}

function shortened(peer: PeerId): string {
  return peer.slice(-4)
}
