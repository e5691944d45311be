import type { AllocationRequest } from '../../src/interfaces.ts'
import type { Metric } from '../../src/model/metric.ts'
import type { PeerId } from '../../src/model/peer.ts'
import { ANYWHERE } from '../../src/model/placement.ts'
import { numberedCid } from './numbered-cid.ts'

/** A metric that has just come and is good for half a minute. */
export function freshMetric(
  peer: PeerId,
  name: string,
  value: string,
  { weight = 0, isPartitionable = false }: Partial<Pick<Metric, 'weight' | 'isPartitionable'>> = {},
): Metric {
  const times = { ttlMs: 30_000, receivedAtMs: 0, expireAtMs: 30_000 }
  return { name, peer, value, weight, isPartitionable, isValid: true, ...times }
}

/** A request for one copy on peers that all live, of which nothing but their metrics is known. */
export function allocationRequest(
  metrics: readonly Metric[],
  options: Partial<AllocationRequest> = {},
): AllocationRequest {
  return {
    cid: numberedCid(1),
    replicationMin: 1,
    replicationMax: 1,
    current: [],
    preferred: [],
    excluded: new Map(),
    closed: new Map(),
    living: new Set(metrics.map(({ peer }) => peer)),
    isMove: false,
    placement: ANYWHERE,
    names: new Map(),
    allocateBy: [...new Set(metrics.map(({ name }) => name))],
    metrics: Map.groupBy(metrics, ({ name }) => name),
    ...options,
  }
}
