import type { Emitter } from '../../src/lib/emitter.ts'
import type { Metric } from '../../src/model/metric.ts'
import type { PeerHello, PeerId } from '../../src/model/peer.ts'
import type { PeerCondition, PeerHealth } from '../../src/model/peer-health.ts'

/** What the monitors of all peers of a test show. */
export interface Watched {
  readonly ids: readonly PeerId[]
  readonly news: Emitter<Metric>
  /** Peers that sent a heartbeat because they were told to, in order. */
  readonly beats: PeerId[]
  /** What everybody makes of a peer; alive where nothing is said. */
  readonly conditions: ReadonlyMap<PeerId, PeerCondition>
  readonly changes: Emitter<PeerHealth>
}

/** How a peer is seen that is in such a condition. */
export function healthOf(peer: PeerId, condition: PeerCondition): PeerHealth {
  return { peer, condition, phi: condition === 'alive' ? 0 : 9, heardAtMs: 1, sinceMs: 1 }
}

/** The metric that tells that a peer is there. */
export function pingOf(peer: PeerId): Metric {
  return {
    name: 'ping',
    peer,
    value: '',
    weight: 0,
    isPartitionable: false,
    isValid: true,
    ttlMs: 30_000,
    receivedAtMs: 0,
    expireAtMs: 1,
  }
}

/** A monitor without a network: what is put into the maps is what it says. */
export function fakeMonitor({ ids, news, beats, conditions, changes }: Watched, self: PeerId) {
  const conditionOf = (peer: PeerId) => conditions.get(peer) ?? 'alive'
  const isThere = (peer: PeerId) => ['alive', 'suspect'].includes(conditionOf(peer))
  return {
    peers: () => ids.filter(isThere),
    hello: (peer: PeerId): PeerHello | undefined => {
      const at = ids.indexOf(peer)
      if (at < 0) return undefined
      return {
        peername: `peer${at}`,
        ipfsId: `ipfs${at}`,
        ipfsAddresses: [`/ip4/127.0.0.1/tcp/${4001 + at}`],
      }
    },
    health: (): readonly PeerHealth[] => ids.map(peer => healthOf(peer, conditionOf(peer))),
    onHealth: (listener: (change: PeerHealth) => void) => changes.on(listener),
    metricNames: () => ['freespace', 'ping'],
    latest: (name: string): readonly Metric[] =>
      name === 'ping'
        ? ids.map(pingOf)
        : ids.map((peer, at) => ({ ...pingOf(peer), name, weight: 100 - at })),
    onMetric: (listener: (metric: Metric) => void) => news.on(listener),
    expect: () => undefined,
    beat: async () => void beats.push(self),
  }
}
