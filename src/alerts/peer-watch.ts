import type { Monitor, PeerMarks } from '../interfaces.ts'
import type { Metric } from '../model/metric.ts'
import type { PeerId } from '../model/peer.ts'
import type { FateOf, PeerFate } from '../model/peer-fate.ts'
import type { PeerHealth } from '../model/peer-health.ts'
import { formatTime } from '../model/time-json.ts'
import type { AlertBook } from './alert-book.ts'
import { nameOf } from './wording.ts'

const PING = 'ping'
/** Metrics of one peer that are remembered as having run out: as many as it can tell at a time. It may name ever new ones. */
const EXPIRED_MAX = 64

/** What watching peers needs. */
export interface PeerWatchParts {
  readonly self: PeerId
  readonly book: AlertBook
  readonly monitor: Pick<Monitor, 'health' | 'hello' | 'onAlert' | 'onHealth' | 'onMetric'>
  readonly marks: Pick<PeerMarks, 'of'>
  readonly fateOf: FateOf
  readonly clock: { now(): number }
}

/**
 * Alerts of peers that fall silent, and of living ones that stop telling a metric: one each, however many metrics run out.
 * News is taken at once; every check looks at all peers again, so that nothing hangs on news that was missed.
 */
export class PeerWatch implements Disposable {
  readonly #parts: PeerWatchParts
  readonly #owned = new DisposableStack()
  /** Metrics that ran out at peers that may live, by name. */
  readonly #expired = new Map<PeerId, Map<string, Metric>>()
  /** The last heartbeat of each peer as a metric. */
  readonly #pings = new Map<PeerId, Metric>()

  constructor(parts: PeerWatchParts) {
    this.#parts = parts
    const { monitor } = parts
    this.#owned.use(monitor.onHealth(health => this.#judge(health)))
    this.#owned.use(monitor.onAlert(alert => this.#noteExpired(alert)))
    this.#owned.use(monitor.onMetric(metric => this.#noteMetric(metric)))
  }

  [Symbol.dispose](): void {
    this.#owned[Symbol.dispose]()
  }

  check(): void {
    const { book, monitor } = this.#parts
    const known = new Set<PeerId>()
    for (const health of monitor.health()) {
      known.add(health.peer)
      this.#judge(health)
      if (health.condition === 'alive') this.#tellExpired(health.peer)
    }
    for (const kind of ['peer-unreachable', 'peer-gone', 'metric-expired'] as const)
      for (const peer of book.subjects(kind)) if (!known.has(peer)) book.clear(kind, peer)
    for (const peer of this.#expired.keys()) if (!known.has(peer)) this.#expired.delete(peer)
    for (const peer of this.#pings.keys()) if (!known.has(peer)) this.#pings.delete(peer)
  }

  #judge(health: PeerHealth): void {
    const { self, book, marks } = this.#parts
    const { peer, condition } = health
    if (peer === self) return
    const isSilent = condition === 'unreachable' || condition === 'gone'
    const isWanted = isSilent && !marks.of(peer).isRemoved
    if (isSilent) {
      this.#expired.delete(peer)
      book.clear('metric-expired', peer)
    }
    const kind = condition === 'gone' ? 'peer-gone' : 'peer-unreachable'
    if (isWanted) this.#raise(kind, health)
    if (!isWanted) book.clear('peer-unreachable', peer)
    if (!isWanted || kind !== 'peer-gone') book.clear('peer-gone', peer)
  }

  #raise(kind: 'peer-unreachable' | 'peer-gone', { peer, heardAtMs }: PeerHealth): void {
    const { book, marks, clock, fateOf } = this.#parts
    const { isDraining, maintenanceUntilMs: untilMs } = marks.of(peer)
    const isMaintained = untilMs !== undefined && untilMs > clock.now()
    const fate = fateOf(peer)
    const isDrained = isDraining && fate === 'empty'
    const since = heardAtMs === undefined ? 'this peer runs' : formatTime(Math.floor(heardAtMs / 1000) * 1000)
    const silent = `nothing was heard of ${this.#nameOf(peer)} since ${since}`
    const known = isMaintained ? `; it is in maintenance until ${formatTime(untilMs)}` : ''
    const toDo = isDrained
      ? `: it was drained, and nothing is allocated to it any more. Take it out for good with "peers rm ${peer}"`
      : kind === 'peer-unreachable'
        ? ': see whether it runs, and whether it can be reached from here'
        : `: ${whatBecomes(fate, isMaintained)}. Start it again, or take it out for good with "peers rm ${peer}"`
    book.raise(kind, peer, `${silent}${known}${toDo}`, {
      metric: this.#pings.get(peer),
      ...(kind === 'peer-gone' ? { insteadOf: 'peer-unreachable' as const } : {}),
      ...(isMaintained || isDrained ? { severity: 'info' } : {}),
    })
  }

  #noteExpired(metric: Metric): void {
    const { peer, name } = metric
    if (name === PING || peer === this.#parts.self) return
    const metrics = this.#expired.get(peer) ?? new Map()
    if (metrics.size < EXPIRED_MAX) this.#expired.set(peer, metrics.set(name, metric))
  }

  #noteMetric(metric: Metric): void {
    const { peer, name } = metric
    if (name === PING) this.#pings.set(peer, metric)
    const metrics = this.#expired.get(peer)
    if (metrics?.delete(name) !== true || metrics.size > 0) return
    this.#expired.delete(peer)
    this.#parts.book.clear('metric-expired', peer)
  }

  #tellExpired(peer: PeerId): void {
    const metrics = this.#expired.get(peer) ?? new Map<string, Metric>()
    const [metric] = metrics.values()
    if (metric === undefined) return
    const names = [...metrics.keys()].sort().join(', ')
    const message = `${this.#nameOf(peer)} lives, but tells no ${names} any more, so that nothing new may be placed there: see whether its IPFS node answers`
    this.#parts.book.raise('metric-expired', peer, message, { metric })
  }

  #nameOf(peer: PeerId): string {
    return nameOf(this.#parts.monitor, peer)
  }
}

/** What becomes of what a peer keeps that is gone. */
function whatBecomes(fate: PeerFate | undefined, isMaintained: boolean): string {
  if (fate === 'empty') return 'there is nothing to move from it'
  if (fate === 'moves') return 'what it keeps is being placed elsewhere'
  if (fate === 'stays') return 'what it keeps stays allocated to it, since cluster.disable_repinning is set'
  if (fate === 'guarded')
    return 'what it keeps stays allocated to it while so many peers are away: see the alert partition-guard'
  if (fate === undefined) return 'whether what it keeps moves, other peers decide'
  if (isMaintained) return 'what it keeps stays allocated to it until then'
  return 'what it keeps will be placed elsewhere when cluster.repin_delay is over'
}
