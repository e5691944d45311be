import { ClusterError } from '../errors.ts'
import type {
  AllocationExplanation,
  AllocationRequest,
  ExplainAllocation,
  ExplainedPeer,
} from '../model/allocation-request.ts'
import type { PeerId } from '../model/peer.ts'
import { isEverywhere } from '../model/pin.ts'
import { type AllocateConfig, toAllocate } from './allocate.ts'
import { type Field, fieldFinder, objectionTo } from './candidates.ts'
import { choose, plan } from './decide.ts'
import { peersOf } from './not-enough.ts'

/** The same decision as the allocator's, with what speaks for and against each peer. It does not throw. */
export function toExplainAllocation(config: AllocateConfig): ExplainAllocation {
  const allocate = toAllocate(config)
  const fieldOf = fieldFinder(config)
  return request => {
    const field = fieldOf(request)
    const answer = attempt(() => allocate(request))
    const allocations = answer instanceof ClusterError ? [] : answer
    const error = answer instanceof ClusterError ? answer.message : undefined
    const peers = isEverywhere(request)
      ? peersOf(request).map(peer => seen(peer, request, field, 'chosen', 'every peer keeps it', undefined))
      : explainPeers(request, field, config, { allocations, error })
    return { allocations, error, peers }
  }
}

function explainPeers(
  request: AllocationRequest,
  field: Field,
  config: AllocateConfig,
  { allocations, error }: Pick<AllocationExplanation, 'allocations' | 'error'>,
): readonly ExplainedPeer[] {
  const { weightTolerance } = config
  const { distinct = '' } = request.placement
  const { kept } = plan(request, field, weightTolerance)
  const order = choose(request, field, kept, { limit: field.open.size, weightTolerance })
  const ranks = new Map(order.map((peer, at) => [peer, at + 1]))
  const current = new Set(request.current)
  const isPreferred = new Set(request.preferred)
  const peers = peersOf(request).map((peer): ExplainedPeer => {
    const rank = ranks.get(peer)
    const view = (verdict: ExplainedPeer['verdict'], reason: string) =>
      seen(peer, request, field, verdict, reason, rank)
    const objection = objectionTo(peer, request, field, config)?.text
    if (kept.includes(peer)) return view('stays', 'keeps it already')
    if (allocations.includes(peer))
      return view('chosen', isPreferred.has(peer) ? 'is asked for' : `comes ${nth(rank)} in the order`)
    if (current.has(peer))
      return view('dropped', objection ?? (request.living.has(peer) ? 'is one too many' : 'does not live'))
    if (objection !== undefined) return view('refused', objection)
    if (rank === undefined)
      return view('refused', `is in a domain (tag ${distinct}) for which another peer stands`)
    return view('spare', error === undefined ? 'others come before it' : 'could be chosen')
  })
  return peers.toSorted(
    (a, b) => (a.rank ?? Number.POSITIVE_INFINITY) - (b.rank ?? Number.POSITIVE_INFINITY) || 0,
  )
}

function nth(rank: number | undefined): string {
  return rank === 1 ? 'first' : `at place ${rank ?? '?'}`
}

function seen(
  peer: PeerId,
  { names }: AllocationRequest,
  { byName }: Field,
  verdict: ExplainedPeer['verdict'],
  reason: string,
  rank: number | undefined,
): ExplainedPeer {
  const metrics = new Map<string, string>()
  for (const [name, byPeer] of byName) {
    const metric = byPeer.get(peer)
    if (metric !== undefined) metrics.set(name, metric.value)
  }
  return { peer, peername: names.get(peer) ?? '', verdict, reason, rank, metrics }
}

function attempt(allocate: () => readonly PeerId[]): readonly PeerId[] | ClusterError {
  try {
    return allocate()
  } catch (thrown) {
    if (thrown instanceof ClusterError) return thrown
    throw thrown
  }
}
