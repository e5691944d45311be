import type { Metric } from '../../src/model/metric.ts'
import type { PeerId } from '../../src/model/peer.ts'
import type { PeerCondition, PeerHealth } from '../../src/model/peer-health.ts'
import type { VirtualClock } from './virtual-clock.ts'

/** A peer in that condition. */
export function healthOf(peer: PeerId, condition: PeerCondition): PeerHealth {
  return { peer, condition, phi: 0, heardAtMs: 0, sinceMs: 0 }
}

/** A metric that was received just now, with its weight as value. */
export function metricOf(peer: PeerId, name: string, weight: number, clock: VirtualClock): Metric {
  return {
    name,
    peer,
    value: String(weight),
    weight,
    isPartitionable: false,
    isValid: true,
    ttlMs: 30_000,
    receivedAtMs: clock.now(),
    expireAtMs: clock.now() + 30_000,
  }
}
