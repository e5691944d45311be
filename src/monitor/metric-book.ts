import type { PeerHello } from '../interfaces.ts'
import type { Alert, Measure, Metric } from '../model/metric.ts'
import type { PeerId } from '../model/peer.ts'
import type { PeerHealth } from '../model/peer-health.ts'
import type { Heartbeat } from './heartbeat.ts'

/** Name of the metric that says that a peer lives. */
export const PING = 'ping'
/** A peer may miss one heartbeat and be late by half an interval. */
const PING_INTERVALS = 2.5
const BOOTS_MAX = 16
const NAMES_MAX = 1024
const ALERTS_MAX = 1000

/** How many peers are remembered, and who may push out whom. */
export interface BookRule {
  readonly peersMax: number
  readonly isTrusted: (peer: PeerId) => boolean
}

/** The present, twice: wall time for people, awake time for deciding what has run out. */
export interface Now {
  readonly wallMs: number
  readonly awakeMs: number
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
  readonly oldBoots: string[]
  readonly entries: Map<string, Entry>
}

/** What peers said of themselves, and until when it holds. What ran out is kept as the last that was known. */
export class MetricBook {
  readonly #rule: BookRule
  readonly #pages = new Map<PeerId, PeerPage>()
  readonly #names = new Set<string>()
  readonly #alerts: Alert[] = []

  constructor(rule: BookRule) {
    this.#rule = rule
  }

  /** Notes a heartbeat; answers with its metrics, `ping` first. A boot's heartbeats count only in rising order. */
  note(beat: Heartbeat, now: Now): readonly Metric[] | BookRefusal {
    const known = this.#pages.get(beat.peer)
    if (known !== undefined && isOld(known, beat)) return 'replayed'
    if (known === undefined && !this.#makeRoom(beat.peer, now)) return 'no_room'
    const page: PeerPage = known ?? {
      hello: beat.hello,
      boot: beat.boot,
      sequence: 0,
      oldBoots: [],
      entries: new Map(),
    }
    if (page.boot !== beat.boot) page.oldBoots.push(page.boot)
    if (page.oldBoots.length > BOOTS_MAX) page.oldBoots.shift()
    page.boot = beat.boot
    page.sequence = beat.sequence
    page.hello = beat.hello
    this.#pages.set(beat.peer, page)
    forgetExpired(page, now)
    return [pingOf(beat), ...beat.measures].map(measure => {
      const expireAwakeMs = now.awakeMs + measure.ttlMs
      const entry = { measure, receivedAtMs: now.wallMs, expireAwakeMs, hasAlerted: false }
      page.entries.set(measure.name, entry)
      if (this.#names.size < NAMES_MAX) this.#names.add(measure.name)
      return toMetric(beat.peer, entry, now)
    })
  }

  /** Peers whose heartbeat has not run out. */
  livingPeers(now: Now): readonly PeerId[] {
    return [...this.#pages].filter(([, page]) => isLiving(page, now)).map(([peer]) => peer)
  }

  /** What the heartbeats say of every peer that was ever heard of. */
  health(now: Now): readonly PeerHealth[] {
    return [...this.#pages]
      .map(([peer, page]): PeerHealth => {
        const heardAtMs = page.entries.get(PING)?.receivedAtMs ?? 0
        const condition = isLiving(page, now) ? 'alive' : 'unreachable'
        return { peer, condition, phi: 0, heardAtMs, sinceMs: heardAtMs }
      })
      .sort((a, b) => (a.peer < b.peer ? -1 : 1))
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

  /** Raises an alert for everything that has run out since it was last heard of; answers with the new ones. */
  check(now: Now, self: PeerId): readonly Alert[] {
    const raised: Alert[] = []
    for (const [peer, page] of this.#pages) {
      if (peer === self) continue
      for (const entry of page.entries.values()) {
        if (isFresh(entry, now) || entry.hasAlerted) continue
        entry.hasAlerted = true
        raised.push({ ...toMetric(peer, entry, now), triggeredAtMs: now.wallMs })
      }
    }
    this.#alerts.unshift(...raised.toReversed())
    this.#alerts.length = Math.min(this.#alerts.length, ALERTS_MAX)
    return raised
  }

  /** Newest first. */
  alerts(): readonly Alert[] {
    return [...this.#alerts]
  }

  /** A new peer takes the place of one that is silent; a trusted one, if need be, that of one that is not. */
  #makeRoom(newcomer: PeerId, now: Now): boolean {
    if (this.#pages.size < this.#rule.peersMax) return true
    const isTrusted = this.#rule.isTrusted(newcomer)
    const leaving = this.#pages
      .entries()
      .find(([peer, page]) => !isLiving(page, now) || (isTrusted && !this.#rule.isTrusted(peer)))?.[0]
    return leaving !== undefined && this.#pages.delete(leaving)
  }
}

function isOld(page: PeerPage, beat: Heartbeat): boolean {
  if (page.boot === beat.boot) return beat.sequence <= page.sequence
  return page.oldBoots.includes(beat.boot)
}

/** Metrics that a living peer no longer tells and that have been alerted about are of no more use. */
function forgetExpired(page: PeerPage, now: Now): void {
  for (const [name, entry] of page.entries)
    if (!isFresh(entry, now) && entry.hasAlerted) page.entries.delete(name)
}

function isFresh(entry: Entry, now: Now): boolean {
  return now.awakeMs < entry.expireAwakeMs
}

function isLiving(page: PeerPage, now: Now): boolean {
  const ping = page.entries.get(PING)
  return ping !== undefined && isFresh(ping, now)
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
