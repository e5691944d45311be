import { ClusterError } from '../errors.ts'
import type { Allocate, AllocationRequest } from '../interfaces.ts'
import type { Metric } from '../model/metric.ts'
import type { PeerId } from '../model/peer.ts'
import { isEverywhere } from '../model/pin.ts'
import type { AllocatorConfig } from './config.ts'
import { type Candidate, orderPeers } from './order-peers.ts'

const REASONS_MAX = 10

/**
 * The allocator. What there is stays as long as enough of it lives: only below the minimum are peers added, up to the
 * maximum, and only above the maximum are some let go, first those that do not report, then the last in order. Excluded
 * peers are never in the answer; others are new in it only if they report all metrics. An empty answer means every peer.
 */
export function toAllocate({ weightTolerance }: Pick<AllocatorConfig, 'weightTolerance'>): Allocate {
  const candidatesOf = rememberLast(findCandidates)
  return request => {
    if (isEverywhere(request)) return []
    const known = candidatesOf(request)
    const present = unique(request.current).filter(peer => !request.excluded.has(peer))
    const living = pick(known, present)
    const order = (peers: readonly Candidate[], taken: readonly Candidate[], limit: number) =>
      orderPeers(peers, taken, { cid: request.cid, weightTolerance, limit })

    if (living.length >= request.replicationMin) {
      if (present.length <= request.replicationMax) return present
      const best = order(living, [], request.replicationMax)
      const silent = present.filter(peer => !known.has(peer))
      const kept = new Set([...best, ...silent].slice(0, request.replicationMax))
      return present.filter(peer => kept.has(peer))
    }

    const wanted = request.replicationMax - living.length
    const taken = new Set(present)
    const preferred = pick(known, unique(request.preferred)).filter(({ peer }) => !taken.has(peer))
    for (const { peer } of preferred) taken.add(peer)
    const others = [...known.values()].filter(({ peer }) => !taken.has(peer))
    if (living.length + preferred.length + others.length < request.replicationMin) {
      throw notEnough(request, living.length, preferred.length + others.length, known)
    }
    const first = preferred.slice(0, wanted)
    const rest = order(others, [...living, ...first], wanted - first.length)
    return [...living, ...first].map(({ peer }) => peer).concat(rest)
  }
}

type Find = (request: AllocationRequest) => ReadonlyMap<PeerId, Candidate>

/**
 * The same function, which works out only once what many requests in a row share: those of a bulk hand over the very same
 * metrics. Metrics are never changed once they are handed over.
 */
function rememberLast(find: Find): Find {
  const found = new WeakMap<AllocationRequest['metrics'], readonly [AllocationRequest, ReturnType<Find>]>()
  return request => {
    const [last, candidates] = found.get(request.metrics) ?? []
    const isSame = last?.excluded === request.excluded && last.allocateBy === request.allocateBy
    if (isSame && candidates !== undefined) return candidates
    const fresh = find(request)
    found.set(request.metrics, [request, fresh])
    return fresh
  }
}

/** Peers that report every metric and may be chosen. */
function findCandidates(request: AllocationRequest): ReadonlyMap<PeerId, Candidate> {
  const byName = request.allocateBy.map(name => metricsByPeer(request.metrics.get(name) ?? []))
  const candidates = new Map<PeerId, Candidate>()
  for (const peer of reportingPeers(request)) {
    if (request.excluded.has(peer)) continue
    const metrics = byName.map(metricOf => metricOf.get(peer)).filter(metric => metric !== undefined)
    if (metrics.length === byName.length) candidates.set(peer, { peer, metrics })
  }
  return candidates
}

/** Every peer that reports anything, in order of its id, so that the answer does not depend on who came first. */
function reportingPeers(request: AllocationRequest): readonly PeerId[] {
  const peers = new Set<PeerId>()
  for (const metrics of request.metrics.values()) for (const { peer } of metrics) peers.add(peer)
  return [...peers].sort()
}

function metricsByPeer(metrics: readonly Metric[]): ReadonlyMap<PeerId, Metric> {
  return new Map(metrics.filter(metric => metric.isValid).map(metric => [metric.peer, metric]))
}

function pick(known: ReadonlyMap<PeerId, Candidate>, peers: readonly PeerId[]): readonly Candidate[] {
  return peers.map(peer => known.get(peer)).filter(candidate => candidate !== undefined)
}

function unique(peers: readonly PeerId[]): readonly PeerId[] {
  return [...new Set(peers)]
}

function notEnough(
  request: AllocationRequest,
  living: number,
  available: number,
  known: ReadonlyMap<PeerId, Candidate>,
): ClusterError {
  const needed = request.replicationMin - living
  const wanted = request.replicationMax - living
  const message =
    `not enough peers to allocate CID. Needed at least: ${needed}. Wanted at most: ${wanted}. ` +
    `Available candidates: ${available}.`
  const reasons = unique([...request.current, ...request.preferred, ...reportingPeers(request)])
    .filter(peer => !known.has(peer))
    .map(peer => `${peer} ${reasonAgainst(peer, request)}`)
  const more = reasons.length > REASONS_MAX ? [`${reasons.length - REASONS_MAX} more peers`] : []
  const shown = [...reasons.slice(0, REASONS_MAX), ...more]
  const text = shown.length === 0 ? message : `${message} Not counted: ${shown.join('; ')}.`
  return new ClusterError('NOT_ENOUGH_PEERS', text, { details: { needed, wanted, available } })
}

function reasonAgainst(peer: PeerId, request: AllocationRequest): string {
  if (request.excluded.has(peer)) return 'is excluded'
  const lacking = request.allocateBy.filter(name => !metricsByPeer(request.metrics.get(name) ?? []).has(peer))
  return `reports no valid ${lacking.join(', ')}`
}
