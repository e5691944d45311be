import type { AllocationRequest } from '../interfaces.ts'
import type { Objection } from '../model/allocation-request.ts'
import { DISK_USED_METRIC, type Metric } from '../model/metric.ts'
import type { PeerId } from '../model/peer.ts'
import { tagMetric } from '../model/placement.ts'
import type { AllocatorConfig } from './config.ts'
import type { Candidate } from './order-peers.ts'

/** What metrics say of peers, worked out once for many requests in a row. */
export interface Field {
  /** Peers that report every metric to order by, in the order of their ids, excluded ones left out. */
  readonly known: ReadonlyMap<PeerId, Candidate>
  /** Of those, the living ones that may be chosen where the placement allows. */
  readonly open: ReadonlyMap<PeerId, Candidate>
  /** Metrics by name and peer. */
  readonly byName: ReadonlyMap<string, ReadonlyMap<PeerId, Metric>>
}

/** The same work on the same metrics is done once: the requests of a bulk hand over the very same ones. */
export function fieldFinder(
  config: Pick<AllocatorConfig, 'diskFullShare'>,
): (request: AllocationRequest) => Field {
  const found = new WeakMap<AllocationRequest['metrics'], readonly [AllocationRequest, Field]>()
  return request => {
    const [last, field] = found.get(request.metrics) ?? []
    const isSame =
      last?.excluded === request.excluded &&
      last.closed === request.closed &&
      last.living === request.living &&
      last.allocateBy === request.allocateBy
    if (isSame && field !== undefined) return field
    const fresh = findField(request, config)
    found.set(request.metrics, [request, fresh])
    return fresh
  }
}

function findField(request: AllocationRequest, config: Pick<AllocatorConfig, 'diskFullShare'>): Field {
  const byName = new Map(
    [...request.metrics].map(([name, metrics]) => [
      name,
      new Map(metrics.filter(metric => metric.isValid).map(metric => [metric.peer, metric])),
    ]),
  )
  const known = new Map<PeerId, Candidate>()
  const open = new Map<PeerId, Candidate>()
  for (const peer of reportingPeers(request)) {
    if (request.excluded.has(peer)) continue
    const metrics = request.allocateBy.map(name => byName.get(name)?.get(peer))
    if (metrics.includes(undefined)) continue
    const candidate = { peer, metrics }
    known.set(peer, candidate)
    const isOpen = request.living.has(peer) && !request.closed.has(peer)
    if (isOpen && !isFull(peer, byName, config)) open.set(peer, candidate)
  }
  return { known, open, byName }
}

/** Every peer that reports anything, in order of its id, so that the answer does not depend on who came first. */
function reportingPeers(request: AllocationRequest): readonly PeerId[] {
  const peers = new Set<PeerId>()
  for (const metrics of request.metrics.values()) for (const { peer } of metrics) peers.add(peer)
  return [...peers].sort()
}

/** The share of the peer's disk that is taken; undefined when it does not tell. */
function usedShare(peer: PeerId, byName: Field['byName']): number | undefined {
  const metric = byName.get(DISK_USED_METRIC)?.get(peer)
  return metric === undefined ? undefined : 0 - metric.weight
}

function isFull(
  peer: PeerId,
  byName: Field['byName'],
  { diskFullShare }: Pick<AllocatorConfig, 'diskFullShare'>,
): boolean {
  const share = usedShare(peer, byName)
  return share !== undefined && share >= diskFullShare
}

/** The peer's value of a tag; undefined when it has none, or is not heard of. */
export function tagOf(peer: PeerId, tag: string, { byName }: Pick<Field, 'byName'>): string | undefined {
  return byName.get(tagMetric(tag))?.get(peer)?.value
}

/** What the placement has against a peer by its tags; undefined when it may be there. */
export function misplacement(
  peer: PeerId,
  { placement: { require, exclude } }: Pick<AllocationRequest, 'placement'>,
  field: Pick<Field, 'byName'>,
): Objection | undefined {
  for (const [tag, values] of require) {
    const value = tagOf(peer, tag, field)
    const wanted = [...values].join(' or ')
    if (value === undefined)
      return { kind: 'placement', text: `tells no tag ${tag}, which must be ${wanted}` }
    if (!values.has(value))
      return { kind: 'placement', text: `has tag ${tag}=${value}, which must be ${wanted}` }
  }
  for (const [tag, values] of exclude) {
    const value = tagOf(peer, tag, field)
    if (value !== undefined && values.has(value))
      return { kind: 'placement', text: `has tag ${tag}=${value}, which is excluded` }
  }
  return undefined
}

/** Why a peer may not be chosen, whatever else is chosen; undefined when it may. */
export function objectionTo(
  peer: PeerId,
  request: AllocationRequest,
  field: Field,
  config: Pick<AllocatorConfig, 'diskFullShare'>,
): Objection | undefined {
  const { byName } = field
  const said = request.excluded.get(peer) ?? request.closed.get(peer)
  if (said !== undefined) return said
  const share = usedShare(peer, byName)
  if (share !== undefined && share >= config.diskFullShare) {
    const percent = (part: number) => `${Math.floor(part * 1000) / 10} %`
    const text = `has ${percent(share)} of its disk taken, and gets nothing new from ${percent(config.diskFullShare)} on`
    return { kind: 'full', text }
  }
  const lacking = request.allocateBy.filter(name => byName.get(name)?.has(peer) !== true)
  if (lacking.length > 0) return { kind: 'metrics', text: `reports no valid ${lacking.join(', ')}` }
  if (!request.living.has(peer)) return { kind: 'condition', text: 'is not known to live' }
  const { distinct } = request.placement
  const misplaced = misplacement(peer, request, field)
  if (misplaced !== undefined || distinct === undefined) return misplaced
  return tagOf(peer, distinct, field) === undefined
    ? { kind: 'placement', text: `tells no tag ${distinct}, of which no two copies may have the same value` }
    : undefined
}
