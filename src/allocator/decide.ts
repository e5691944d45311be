import type { AllocationRequest } from '../interfaces.ts'
import type { PeerId } from '../model/peer.ts'
import { type Field, misplacement, tagOf } from './candidates.ts'
import { type Candidate, orderPeers } from './order-peers.ts'

/** What is to be done about a request, before anybody is chosen. */
export interface Plan {
  /** Peers of now that go on keeping it. */
  readonly kept: readonly PeerId[]
  /** How many more must be found, at least. */
  readonly needed: number
  /** How many more are wanted, at most. */
  readonly wanted: number
}

/**
 * What there is stays as long as enough of it lives. Below the minimum, what does not live is given up and copies are
 * added up to the maximum; what must not be where it is gets another place. Above the maximum some are let go, first
 * those that do not live, then those that do not report, then the last in order. A move keeps the number of copies.
 */
export function plan(request: AllocationRequest, field: Field, weightTolerance: number): Plan {
  const { replicationMin: min, replicationMax: max } = request
  const current = [...new Set(request.current)]
  const stays = staying(current, request, field)
  const living = request.isMove ? stays : stays.filter(peer => request.living.has(peer))
  if (request.isMove && stays.length <= max) {
    const goal = Math.max(min, Math.min(max, current.length))
    return { kept: stays, needed: Math.max(0, min - stays.length), wanted: Math.max(0, goal - stays.length) }
  }
  if (living.length < min) return { kept: living, needed: min - living.length, wanted: max - living.length }
  if (stays.length > max) {
    return { kept: best(stays, request, field, weightTolerance), needed: 0, wanted: 0 }
  }
  const lost = current.length - stays.length
  return { kept: stays, needed: 0, wanted: Math.min(lost, max - stays.length) }
}

/** Peers of now that may stay where they are: of two in one domain the first, one that lives before one that does not. */
function staying(current: readonly PeerId[], request: AllocationRequest, field: Field): readonly PeerId[] {
  const { excluded, living, isMove, placement } = request
  const allowed = current.filter(peer => !excluded.has(peer))
  if (isMove) return allowed
  const hasTags = ({ require }: AllocationRequest['placement'], peer: PeerId) =>
    [...require.keys()].every(tag => tagOf(peer, tag, field) !== undefined)
  // Of a peer that is not heard of at the moment it is not known that it is in the wrong place; one that reports all
  // else has no tags but those that it tells.
  const isKnown = (peer: PeerId) => field.known.has(peer) || hasTags(placement, peer)
  const placed = allowed.filter(peer => !isKnown(peer) || misplacement(peer, request, field) === undefined)
  const { distinct } = placement
  if (distinct === undefined) return placed
  const domains = new Set<string>()
  const fits = new Set<PeerId>()
  for (const peer of placed.toSorted((a, b) => Number(living.has(b)) - Number(living.has(a)))) {
    const domain = tagOf(peer, distinct, field)
    if (domain === undefined ? !field.known.has(peer) : !domains.has(domain)) fits.add(peer)
    if (domain !== undefined) domains.add(domain)
  }
  return placed.filter(peer => fits.has(peer))
}

function best(
  stays: readonly PeerId[],
  { cid, living, replicationMax, tallyOf }: AllocationRequest,
  { known }: Field,
  weightTolerance: number,
): readonly PeerId[] {
  const reporting = stays
    .filter(peer => living.has(peer))
    .map(peer => known.get(peer))
    .filter(candidate => candidate !== undefined)
  const order = orderPeers(reporting, [], { cid, weightTolerance, tallyOf, limit: replicationMax })
  const quiet = stays.filter(peer => living.has(peer) && !known.has(peer))
  const silent = stays.filter(peer => !living.has(peer))
  const kept = new Set([...order, ...quiet, ...silent].slice(0, replicationMax))
  return stays.filter(peer => kept.has(peer))
}

/** Peers that could be chosen beside those that are kept, best first, as many as are asked for. */
export function choose(
  request: AllocationRequest,
  field: Field,
  kept: readonly PeerId[],
  { limit, weightTolerance }: { readonly limit: number; readonly weightTolerance: number },
): readonly PeerId[] {
  const { cid, placement, tallyOf } = request
  const { distinct } = placement
  const domains = new Set(
    distinct === undefined ? [] : kept.map(peer => tagOf(peer, distinct, field)).filter(isSaid),
  )
  const takesDomain = (peer: PeerId): boolean => {
    if (distinct === undefined) return true
    const domain = tagOf(peer, distinct, field)
    if (domain === undefined || domains.has(domain)) return false
    domains.add(domain)
    return true
  }
  const now = new Set(kept)
  const free = (peer: PeerId) => !now.has(peer) && misplacement(peer, request, field) === undefined
  const preferred = [...new Set(request.preferred)]
    .filter(peer => free(peer) && field.open.has(peer) && takesDomain(peer))
    .slice(0, limit)
  const first = new Set(preferred)
  const others = [...field.open.values()].filter(({ peer }) => free(peer) && !first.has(peer))
  const taken = [...kept, ...preferred].map(peer => asTaken(peer, request, field))
  const rest = limit - preferred.length
  const order = orderPeers(others, taken, {
    cid,
    weightTolerance,
    tallyOf,
    limit: distinct === undefined ? rest : others.length,
  })
  return [...preferred, ...order.filter(takesDomain).slice(0, rest)]
}

/** A peer that has a copy, with what is known of it. */
function asTaken(peer: PeerId, { allocateBy }: AllocationRequest, { byName }: Field): Candidate {
  return { peer, metrics: allocateBy.map(name => byName.get(name)?.get(peer)) }
}

function isSaid(text: string | undefined): text is string {
  return text !== undefined
}
