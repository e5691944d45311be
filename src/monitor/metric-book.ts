import type { PeerHello } from '../interfaces.ts'
import { LatestMap } from '../lib/latest-map.ts'
import type { Alert, Measure, Metric } from '../model/metric.ts'
import type { PeerId } from '../model/peer.ts'
import type { PeerCondition } from '../model/peer-health.ts'
import { isPresent, type Now } from './failure-detector.ts'
import { type Heartbeat, PING } from './heartbeat.ts'

/** How long the metric of a heartbeat is shown as fresh: one may be missed, and be late by half an interval. */
const PING_INTERVALS = 2.5
const BOOTS_MAX = 16
const NAMES_MAX = 1024
/** Of one peer, counting those that it told of once and no more. */
const ENTRIES_MAX = 256

/** How many peers are remembered, and who may push out whom. */
export interface BookRule {
  readonly peersMax: number
  readonly isTrusted: (peer: PeerId) => boolean
  /** Undefined when the peer was never heard. */
  readonly conditionOf: (peer: PeerId) => PeerCondition | undefined
  /** A peer had to make room. */
  readonly onForget: (peer: PeerId) => void
}

/** Why a heartbeat that is well-formed and signed is not taken. */
export type BookRefusal = 'replayed' | 'no_room'

interface Entry {
  readonly measure: Measure
  readonly receivedAtMs: number
  readonly expireAwakeMs: number
  hasAlerted: boolean
}

interface PeerPage {
  hello: PeerHello
  boot: string
  sequence: number
  sentAtMs: number
  /** Former boots, with the last of each that was heard. */
  readonly oldBoots: LatestMap<string, number>
  readonly entries: Map<string, Entry>
}

/** What peers said of themselves, and until when it holds. What ran out is kept as the last that was known. */
export class MetricBook {
  readonly #rule: BookRule
  readonly #pages = new Map<PeerId, PeerPage>()
  readonly #names = new Set<string>()

  constructor(rule: BookRule) {
    this.#rule = rule
  }

  /** Notes a heartbeat; answers with its metrics, `ping` first. A boot's heartbeats count only in rising order. */
  note(beat: Heartbeat, now: Now): readonly Metric[] | BookRefusal {
    const known = this.#pages.get(beat.peer)
    if (this.isReplayed(beat)) return 'replayed'
    if (known === undefined && !this.#makeRoom(beat.peer)) return 'no_room'
    const page: PeerPage = known ?? {
      hello: beat.hello,
      boot: beat.boot,
      sequence: 0,
      sentAtMs: 0,
      oldBoots: new LatestMap(BOOTS_MAX),
      entries: new Map(),
    }
    if (page.boot !== beat.boot) {
      page.oldBoots.set(page.boot, page.sequence)
      page.oldBoots.delete(beat.boot)
    }
    page.boot = beat.boot
    page.sequence = beat.sequence
    page.sentAtMs = beat.sentAtMs
    page.hello = beat.hello
    this.#pages.set(beat.peer, page)
    forgetExpired(page, now)
    const metrics = [pingOf(beat), ...beat.measures].map(measure => {
      const expireAwakeMs = now.awakeMs + measure.ttlMs
      const entry = { measure, receivedAtMs: now.wallMs, expireAwakeMs, hasAlerted: false }
      // Put at the end, so that what was told of longest ago is the first.
      page.entries.delete(measure.name)
      page.entries.set(measure.name, entry)
      if (this.#names.size < NAMES_MAX) this.#names.add(measure.name)
      return toMetric(beat.peer, entry, now)
    })
    for (const name of page.entries.keys()) {
      if (page.entries.size <= ENTRIES_MAX) break
      if (name !== PING) page.entries.delete(name)
    }
    return metrics
  }

  /**
   * Whether a heartbeat came before, or is of a former boot. While a peer is alive, a boot that is new here is taken only if it
   * is younger than the one that is known: it may be a recording from before this process started. One that was taken for a former
   * boot, because a late heartbeat of the run before it had been sent by a clock that was ahead, counts again when it says something new
   * while that run is silent.
   */
  isReplayed({ peer, boot, sequence, sentAtMs }: Heartbeat): boolean {
    const page = this.#pages.get(peer)
    if (page === undefined) return false
    if (page.boot === boot) return sequence <= page.sequence
    const isAlive = this.#rule.conditionOf(peer) === 'alive'
    const lastOfOld = page.oldBoots.get(boot)
    if (lastOfOld !== undefined) return isAlive || sequence <= lastOfOld
    return isAlive && sentAtMs <= page.sentAtMs
  }

  hello(peer: PeerId): PeerHello | undefined {
    return this.#pages.get(peer)?.hello
  }

  names(): readonly string[] {
    return [...this.#names].sort()
  }

  /** Metrics of that name which have not run out, by peer. */
  latest(name: string, now: Now): readonly Metric[] {
    const metrics: Metric[] = []
    for (const [peer, page] of this.#pages) {
      const entry = page.entries.get(name)
      if (entry !== undefined && isFresh(entry, now)) metrics.push(toMetric(peer, entry, now))
    }
    return metrics.sort((a, b) => (a.peer < b.peer ? -1 : 1))
  }

  /** Raises an alert for every measure that has run out since it was last heard of; answers with the new ones. */
  check(now: Now, self: PeerId): readonly Alert[] {
    const raised: Alert[] = []
    for (const [peer, page] of this.#pages) {
      if (peer === self) continue
      for (const [name, entry] of page.entries) {
        if (name === PING || isFresh(entry, now) || entry.hasAlerted) continue
        entry.hasAlerted = true
        raised.push({ ...toMetric(peer, entry, now), triggeredAtMs: now.wallMs })
      }
    }
    return raised
  }

  /** Raises the alert of a peer that has gone quiet; nothing when it was raised since the last heartbeat. */
  raise(peer: PeerId, now: Now): Alert | undefined {
    const entry = this.#pages.get(peer)?.entries.get(PING)
    if (entry === undefined || entry.hasAlerted) return undefined
    entry.hasAlerted = true
    return { ...toMetric(peer, entry, now), triggeredAtMs: now.wallMs }
  }

  /** A new peer takes the place of one that is silent; a trusted one, if need be, that of one that is not. */
  #makeRoom(newcomer: PeerId): boolean {
    const { peersMax, isTrusted, conditionOf, onForget } = this.#rule
    if (this.#pages.size < peersMax) return true
    const mayPush = isTrusted(newcomer)
    const leaving = this.#pages
      .keys()
      .find(peer => !isPresent(conditionOf(peer) ?? 'gone') || (mayPush && !isTrusted(peer)))
    if (leaving === undefined) return false
    this.#pages.delete(leaving)
    onForget(leaving)
    return true
  }
}

/** Metrics that a living peer no longer tells and that have been alerted about are of no more use. */
function forgetExpired(page: PeerPage, now: Now): void {
  for (const [name, entry] of page.entries)
    if (!isFresh(entry, now) && entry.hasAlerted) page.entries.delete(name)
}

function isFresh(entry: Entry, now: Now): boolean {
  return now.awakeMs < entry.expireAwakeMs
}

/** The heartbeat itself as a metric, with the value that clients of IPFS Cluster read. */
function pingOf({ hello, intervalMs }: Heartbeat): Measure {
  const { peername, ipfsId, ipfsAddresses } = hello
  const value = JSON.stringify({
    ...(peername === '' ? {} : { peer_name: peername }),
    ...(ipfsId === undefined ? {} : { ipfs_id: ipfsId }),
    ...(ipfsAddresses.length === 0 ? {} : { ipfs_addresses: ipfsAddresses }),
  })
  return {
    name: PING,
    value,
    weight: 0,
    isPartitionable: false,
    isValid: true,
    ttlMs: intervalMs * PING_INTERVALS,
  }
}

function toMetric(peer: PeerId, { measure, receivedAtMs, expireAwakeMs }: Entry, now: Now): Metric {
  const expireAtMs = now.wallMs + expireAwakeMs - now.awakeMs
  return { ...measure, peer, receivedAtMs, expireAtMs }
}
