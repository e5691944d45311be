import type { AllocationRequest } from '../interfaces.ts'
import type { Cid } from '../model/cid.ts'
import type { Metric } from '../model/metric.ts'
import type { PeerId } from '../model/peer.ts'
import { isEverywhere, type Pin } from '../model/pin.ts'
import type { ClusterComponents } from './components.ts'
import type { ClusterConfig, Replication } from './config.ts'

/** For what peers are to be chosen. */
export interface ChoiceRequest {
  readonly cid: Cid
  readonly replication: Replication
  readonly existing: Pin | undefined
  readonly preferred: readonly PeerId[]
}

/**
 * The peers to keep a pin, by the metrics that this peer has at hand. Empty = every peer. Throws `NOT_ENOUGH_PEERS`.
 */
export function choosePeers(
  components: Pick<ClusterComponents, 'allocate' | 'consensus' | 'monitor'>,
  config: Pick<ClusterConfig, 'allocateBy' | 'allocateTo'>,
  request: ChoiceRequest,
): readonly PeerId[] {
  return peerChooser(components, config)(request)
}

/** The same for many pins, with the metrics of the moment in which the first of them asks. */
export function peerChooser(
  components: Pick<ClusterComponents, 'allocate' | 'consensus' | 'monitor'>,
  config: Pick<ClusterConfig, 'allocateBy' | 'allocateTo'>,
): (request: ChoiceRequest) => readonly PeerId[] {
  const { allocateBy } = config
  let known: Pick<AllocationRequest, 'metrics' | 'excluded'> | undefined
  const look = () => {
    const metrics = new Map<string, readonly Metric[]>()
    for (const name of allocateBy) metrics.set(name, components.monitor.latest(name))
    return { metrics, excluded: excludedPeers(components, config, metrics) }
  }
  return ({ cid, replication, existing, preferred }) => {
    if (replication.min < 0 && replication.max < 0) return []
    known ??= look()
    return components.allocate({
      cid,
      replicationMin: replication.min,
      replicationMax: replication.max,
      current: existing === undefined || isEverywhere(existing) ? [] : existing.allocations,
      preferred,
      allocateBy,
      ...known,
    })
  }
}

function excludedPeers(
  { consensus }: Pick<ClusterComponents, 'consensus'>,
  { allocateTo }: Pick<ClusterConfig, 'allocateTo'>,
  metrics: ReadonlyMap<string, readonly Metric[]>,
): ReadonlySet<PeerId> {
  const excluded = new Set<PeerId>()
  if (allocateTo === 'any') return excluded
  for (const { peer } of [...metrics.values()].flat()) {
    if (consensus.isTrusted(peer) !== (allocateTo === 'trusted')) excluded.add(peer)
  }
  return excluded
}
