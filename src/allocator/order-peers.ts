import { hash } from 'node:crypto'
import { concatBytes } from '../lib/bytes.ts'
import type { Cid } from '../model/cid.ts'
import type { Metric } from '../model/metric.ts'
import type { PeerId } from '../model/peer.ts'

/**
 * A peer with one metric for each name by which peers are ordered, in the same order. One that is taken already may lack
 * some.
 */
export interface Candidate {
  readonly peer: PeerId
  readonly metrics: readonly (Metric | undefined)[]
}

/** How to order. */
export interface OrderRule {
  readonly cid: Cid
  /** Share by which weights may differ and still count as equal. */
  readonly weightTolerance: number
  /** Of peers that are equal those with less come first. */
  readonly tallyOf: ((peer: PeerId) => number) | undefined
  /** How many peers are wanted; the rest of the order is not worked out. */
  readonly limit: number
}

/** Peers that belong together under one metric, split further by the next. */
interface Group {
  /** Value of the metric, or the peer when it is one of its own. */
  readonly key: string
  readonly peers: readonly PeerId[]
  readonly weight: number
  readonly aggregated: number
  readonly children: readonly Group[]
  readonly members: Candidate[]
  /** Members that are not drawn yet. */
  left: number
  /** Peers drawn from here, those taken before included. */
  drawn: number
}

/**
 * The best peers, best first. Peers are split by the first metric into groups (tags) or single peers, each group by the
 * next metric, and so on. Draws go round the groups, so that no group gets a second copy while another has none; groups
 * come in order of their weights, equal ones by what their peers were given of late, and then in an order that the CID
 * decides (rendezvous hashing: Thaler, Ravishankar, "Using name-based mappings to increase hit rates", 1998). Peers that
 * are `taken` count as drawn from their groups.
 */
export function orderPeers(
  candidates: readonly Candidate[],
  taken: readonly Candidate[],
  rule: OrderRule,
): readonly PeerId[] {
  const depth = candidates[0]?.metrics.length ?? 0
  const root: Group = {
    key: '',
    peers: [],
    weight: 0,
    aggregated: 0,
    children: split(candidates, taken, 0, depth, rule),
    // With groups to draw from, their own order is what counts.
    members: depth > 0 ? [] : rank(candidates, byPeer, rule),
    left: candidates.length,
    drawn: 0,
  }
  const order: PeerId[] = []
  while (order.length < rule.limit && root.left > 0) order.push(draw(root))
  return order
}

function split(
  candidates: readonly Candidate[],
  taken: readonly Candidate[],
  level: number,
  depth: number,
  rule: OrderRule,
): readonly Group[] {
  if (level === depth) return []
  const takenByKey = Map.groupBy(taken, candidate => keyAt(candidate, level))
  const groups = [...Map.groupBy(candidates, candidate => keyAt(candidate, level))].map(([key, members]) => {
    const sameTaken = takenByKey.get(key) ?? []
    const children = split(members, sameTaken, level + 1, depth, rule)
    const weight = sum(members, member => member.metrics[level]?.weight ?? 0)
    return {
      key,
      peers: members.map(({ peer }) => peer),
      weight,
      aggregated: weight + sum(children, child => child.aggregated),
      children,
      members: level + 1 === depth ? rank(members, byPeer, rule) : members,
      left: members.length,
      drawn: sameTaken.length,
    }
  })
  return bands(groups, group => group.weight, rule.weightTolerance).flatMap(equal =>
    bands(equal, group => group.aggregated, rule.weightTolerance).flatMap(same =>
      rank(same, { keyOf: group => group.key, peersOf: group => group.peers }, rule),
    ),
  )
}

/** Peers with the same tag belong together; of other metrics each peer is a group of its own, also with equal values. */
function keyAt({ peer, metrics }: Candidate, level: number): string {
  const metric = metrics[level]
  return metric?.isPartitionable === true ? `=${metric.value}` : peer
}

/** Takes the next peer: from the group that has given least so far, the first of those. */
function draw(group: Group): PeerId {
  group.left -= 1
  group.drawn += 1
  let next: Group | undefined
  for (const child of group.children) {
    if (child.left > 0 && (next === undefined || child.drawn < next.drawn)) next = child
  }
  if (next !== undefined) return draw(next)
  const [member] = group.members.splice(0, 1)
  return member?.peer ?? ''
}

/** Greatest first, in runs of items whose weight is within the tolerance of the run's first. */
function bands<T>(items: readonly T[], weightOf: (item: T) => number, tolerance: number): T[][] {
  const result: T[][] = []
  let least = Number.POSITIVE_INFINITY
  for (const item of items.toSorted((a, b) => weightOf(b) - weightOf(a))) {
    const weight = weightOf(item)
    const band = result.at(-1)
    if (band !== undefined && weight >= least) band.push(item)
    else {
      result.push([item])
      least = weight - Math.abs(weight) * tolerance
    }
  }
  return result
}

/** What tells equal items apart. */
interface Ranked<T> {
  readonly keyOf: (item: T) => string
  readonly peersOf: (item: T) => readonly PeerId[]
}

const byPeer: Ranked<Candidate> = { keyOf: ({ peer }) => peer, peersOf: ({ peer }) => [peer] }

/** Equal items in order: those whose peers were given less on average, then as the CID decides. */
function rank<T>(items: readonly T[], { keyOf, peersOf }: Ranked<T>, { cid, tallyOf }: OrderRule): T[] {
  if (items.length < 2) return [...items]
  const ranks = items.map(item => {
    const peers = peersOf(item)
    const tally = tallyOf === undefined ? 0 : sum(peers, tallyOf) / peers.length
    return { item, tally, digest: hash('sha256', concatBytes([cid.bytes, Buffer.from(keyOf(item))]), 'hex') }
  })
  return ranks.sort((a, b) => a.tally - b.tally || (a.digest < b.digest ? -1 : 1)).map(({ item }) => item)
}

function sum<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((total, item) => total + of(item), 0)
}
