import type { Allocate, AllocationRequest, Consensus, Monitor, PeerMarks } from '../interfaces.ts'
import { rememberLast } from '../lib/remembered.ts'
import type { Objection } from '../model/allocation-request.ts'
import type { Cid } from '../model/cid.ts'
import { DISK_USED_METRIC, type Metric } from '../model/metric.ts'
import type { PeerId } from '../model/peer.ts'
import type { PeerCondition } from '../model/peer-health.ts'
import { isEverywhere, type Pin } from '../model/pin.ts'
import { type Placement, placementOf, tagMetric, tagsOf } from '../model/placement.ts'
import type { ClusterConfig, Replication } from './config.ts'

/** What choosing peers needs. */
export interface ChooserComponents {
  readonly allocate: Allocate
  readonly consensus: Pick<Consensus, 'isTrusted'>
  readonly monitor: Pick<Monitor, 'health' | 'hello' | 'latest'>
  readonly marks: Pick<PeerMarks, 'of'>
}

/** What choosing peers goes by. */
export type ChooserConfig = Pick<ClusterConfig, 'allocateBy' | 'allocateTo' | 'placement'>

/** For what peers are to be chosen. */
export interface ChoiceRequest {
  readonly cid: Cid
  readonly replication: Replication
  readonly existing: Pin | undefined
  readonly preferred: readonly PeerId[]
  /** Metadata of the pin to be, which may say where its copies may be. Default: that of the existing one. */
  readonly metadata?: Pin['metadata']
  /**
   * Content moves away from these peers: they do not count, are not in the answer, and others take their places, so that
   * there are as many copies as before (at least the minimum, at most the maximum). Every other peer that keeps it stays,
   * whatever is known of it. Give the same set for many pins in a row.
   */
  readonly leaving?: ReadonlySet<PeerId>
  /** The same of peers that have no room for it. */
  readonly withoutRoom?: ReadonlySet<PeerId>
}

/**
 * The peers to keep a pin, by what this peer has at hand. Empty = every peer. Throws `NOT_ENOUGH_PEERS`, `NO_SPACE`.
 */
export function choosePeers(
  components: ChooserComponents,
  config: ChooserConfig,
  request: ChoiceRequest,
): readonly PeerId[] {
  return peerChooser(components, config)(request)
}

/** The same for many pins, with what is known in the moment in which the first of them asks. */
export function peerChooser(
  components: ChooserComponents,
  config: ChooserConfig,
): (request: ChoiceRequest) => readonly PeerId[] {
  const requestOf = allocationRequests(components, config)
  return request => {
    const { min, max } = request.replication
    return min < 0 && max < 0 ? [] : components.allocate(requestOf(request))
  }
}

/** What the allocator is asked, for many pins: all of it is looked up when the first of them asks. */
export function allocationRequests(
  components: Omit<ChooserComponents, 'allocate'>,
  config: ChooserConfig,
): (request: ChoiceRequest) => AllocationRequest {
  const { allocateBy } = config
  const metricsFor = metricReader(components, config)
  let scene: Scene | undefined
  const excludedFor = rememberLast((leaving: ReadonlySet<PeerId> | undefined) =>
    excludedPeers(components, config, { leaving, metrics: metricsFor(config.placement) }),
  )
  return request => {
    const { cid, replication, existing, preferred, leaving, withoutRoom } = request
    const { metadata = existing?.metadata } = request
    const placement = metadata === undefined ? config.placement : placementOf(metadata, config.placement)
    scene ??= lookAround(components)
    return {
      cid,
      replicationMin: replication.min,
      replicationMax: replication.max,
      current: existing === undefined || isEverywhere(existing) ? [] : existing.allocations,
      preferred,
      excluded: withRoomless(excludedFor(leaving), withoutRoom),
      ...scene,
      isMove: leaving !== undefined || withoutRoom !== undefined,
      placement,
      allocateBy,
      metrics: metricsFor(placement),
    }
  }
}

type Scene = Pick<AllocationRequest, 'closed' | 'living' | 'names'>

const CONDITION_TEXT: Readonly<Record<Exclude<PeerCondition, 'alive'>, string>> = {
  suspect: 'is suspected to be down',
  unreachable: 'is unreachable',
  gone: 'is gone',
}

/** Who lives, and who gets nothing new. Content leaves a peer only when that is gone: until then its copies count. */
function lookAround({ monitor, marks }: Pick<ChooserComponents, 'monitor' | 'marks'>): Scene {
  const closed = new Map<PeerId, Objection>()
  const living = new Set<PeerId>()
  const names = new Map<PeerId, string>()
  for (const { peer, condition } of monitor.health()) {
    names.set(peer, monitor.hello(peer)?.peername ?? '')
    if (condition !== 'gone') living.add(peer)
    const marked = markText(marks, peer)
    if (condition !== 'alive') closed.set(peer, { kind: 'condition', text: CONDITION_TEXT[condition] })
    else if (marked !== undefined) closed.set(peer, { kind: 'mark', text: marked })
  }
  return { closed, living, names }
}

function markText(marks: ChooserComponents['marks'], peer: PeerId): string | undefined {
  const mark = marks.of(peer)
  if (mark.isRemoved) return 'was removed from the cluster'
  if (mark.isDraining) return 'is being drained'
  return mark.isCordoned ? 'is cordoned' : undefined
}

function excludedPeers(
  { consensus }: Pick<ChooserComponents, 'consensus'>,
  { allocateTo }: Pick<ChooserConfig, 'allocateTo'>,
  {
    leaving = new Set(),
    metrics,
  }: Pick<AllocationRequest, 'metrics'> & { leaving: ReadonlySet<PeerId> | undefined },
): ReadonlyMap<PeerId, Objection> {
  const excluded = new Map<PeerId, Objection>()
  if (allocateTo !== 'any') {
    const text = allocateTo === 'trusted' ? 'is not trusted' : 'is trusted, and only others may be chosen'
    for (const { peer } of [...metrics.values()].flat()) {
      if (consensus.isTrusted(peer) !== (allocateTo === 'trusted'))
        excluded.set(peer, { kind: 'trust', text })
    }
  }
  for (const peer of leaving) excluded.set(peer, { kind: 'leaving', text: 'is to be left' })
  return excluded
}

function withRoomless(
  excluded: AllocationRequest['excluded'],
  peers: ReadonlySet<PeerId> = new Set(),
): AllocationRequest['excluded'] {
  if (peers.size === 0) return excluded
  const roomless = [...peers].map(peer => [peer, { kind: 'full', text: 'had no room for it' }] as const)
  return new Map<PeerId, Objection>([...roomless, ...excluded])
}

/** Reads metrics once; tags that a later placement looks at are added to those that are read already. */
function metricReader(
  { monitor }: Pick<ChooserComponents, 'monitor'>,
  { allocateBy }: Pick<ChooserConfig, 'allocateBy'>,
): (placement: Placement) => AllocationRequest['metrics'] {
  let metrics = new Map<string, readonly Metric[]>()
  let last: Placement | undefined
  return placement => {
    if (placement === last) return metrics
    last = placement
    const names = new Set([...allocateBy, DISK_USED_METRIC, ...tagsOf(placement).map(tagMetric)])
    const missing = [...names].filter(name => !metrics.has(name))
    if (missing.length === 0) return metrics
    metrics = new Map([...metrics, ...missing.map(name => [name, monitor.latest(name)] as const)])
    return metrics
  }
}
