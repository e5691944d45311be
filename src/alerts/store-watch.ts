import type { Monitor } from '../interfaces.ts'
import type { Clock } from '../lib/clock.ts'
import { DISK_USED_METRIC } from '../model/metric.ts'
import { NO_ROOM_METRIC, roomlessPeers } from '../model/no-room.ts'
import type { PeerId } from '../model/peer.ts'
import type { AlertBook } from './alert-book.ts'
import { nameOf } from './wording.ts'

/** How far below the mark it has to come, so that nobody is told twice of one that hovers about it. */
const CLEARED_BELOW = 0.01
/** What finds no room is tried again from time to time, and is not counted meanwhile. */
const QUIET_MS = 60_000

/** What watching stores needs. */
export interface StoreWatchParts {
  readonly book: AlertBook
  readonly monitor: Pick<Monitor, 'hello' | 'latest' | 'peers'>
  readonly clock: Pick<Clock, 'monotonic'>
  /** From this share of its limit on a peer gets nothing new. */
  readonly diskFullShare: number
}

/**
 * Alerts of peers whose IPFS node is full, be it this one or another: by what their heartbeats tell of their disks, and of pins
 * that find no room.
 */
export class StoreWatch {
  readonly #parts: StoreWatchParts
  readonly #roomlessMs = new Map<PeerId, number>()

  constructor(parts: StoreWatchParts) {
    this.#parts = parts
  }

  check(): void {
    const { book, clock, monitor } = this.#parts
    const nowMs = clock.monotonic()
    const live = new Set(monitor.peers())
    const used = this.#used()
    const counts = roomlessPeers(monitor.latest(NO_ROOM_METRIC))
    for (const peer of counts.keys()) this.#roomlessMs.set(peer, nowMs)
    for (const [peer, atMs] of this.#roomlessMs)
      if (nowMs - atMs > QUIET_MS || !live.has(peer)) this.#roomlessMs.delete(peer)
    const held = new Set(book.subjects('store-full'))
    for (const peer of new Set([...used.keys(), ...counts.keys(), ...held])) {
      if (!live.has(peer)) {
        book.clear('store-full', peer)
        continue
      }
      const share = used.get(peer) ?? 0
      const count = counts.get(peer) ?? 0
      if (this.#isFull(peer, share, held.has(peer))) this.#raise(peer, share, count)
      else book.clear('store-full', peer)
    }
  }

  #isFull(peer: PeerId, share: number, isHeld: boolean): boolean {
    const { diskFullShare } = this.#parts
    return this.#roomlessMs.has(peer) || share >= diskFullShare - (isHeld ? CLEARED_BELOW : 0)
  }

  #raise(peer: PeerId, share: number, count: number): void {
    const { book, monitor } = this.#parts
    const percent = `${Math.floor(share * 1000) / 10} % of what it may take`
    const taken = share === 0 ? '' : ` (${percent})`
    const waiting =
      count === 0 ? '' : `, and ${count} of its pins ${count === 1 ? 'finds' : 'find'} no room there`
    book.raise(
      'store-full',
      peer,
      `the IPFS node of ${nameOf(monitor, peer)} is full${taken}${waiting}: collect garbage ("cluster-ctl ipfs gc"), remove pins, raise its limit, or move some of what it keeps ("cluster-ctl rebalance")`,
    )
  }

  /** The share that is taken of what each peer may take, as far as they tell. */
  #used(): ReadonlyMap<PeerId, number> {
    const { diskFullShare, monitor } = this.#parts
    const told = monitor.latest(DISK_USED_METRIC).map(({ peer, weight }) => [peer, 0 - weight] as const)
    return new Map(told.filter(([, share]) => share >= diskFullShare - CLEARED_BELOW))
  }
}
