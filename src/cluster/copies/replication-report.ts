import type { Options } from '../../interfaces.ts'
import { pagesOf } from '../../lib/pages.ts'
import type { PeerId } from '../../model/peer.ts'
import { isEverywhere, type Pin } from '../../model/pin.ts'
import type { ReplicationQuestion, ReplicationReport } from '../../model/replication-report.ts'
import type { ClusterComponents } from '../components.ts'
import type { ClusterConfig } from '../config.ts'
import type { StatusComponents } from '../status.ts'
import { listStatuses } from '../statuses.ts'
import { CopyCounter, type Members } from './copy-counter.ts'

/** What counting copies needs. */
export type CopiesComponents = Pick<ClusterComponents, 'consensus' | 'marks' | 'monitor'>

const HELD = new Set(['pinned', 'sharded'])

/**
 * How many live copies the pins have, in one pass that holds nothing. Unless it is checked, by the pinset and by who lives:
 * peers are not asked. Checked, a copy counts when its peer says that it is pinned, or that it holds it until others have it; that
 * takes as long as `status` of all.
 */
export async function replicationReport(
  components: CopiesComponents & StatusComponents,
  config: Pick<ClusterConfig, 'isFollower'>,
  question: ReplicationQuestion,
  { signal }: Options,
): Promise<ReplicationReport> {
  if (!question.isChecked) return countAllocated(components, question, { signal })
  const members = membersOf(components)
  const counter = new CopyCounter(members, question)
  const statuses = listStatuses(components, config, undefined, { local: false, signal })
  for await (const { pin, peers } of statuses) {
    if (pin === undefined || pin.type === 'meta-pin') continue
    const having = [...peers].filter(([, { status }]) => HELD.has(status)).map(([peer]) => peer)
    const kept = isEverywhere(pin) ? having : having.filter(peer => pin.allocations.includes(peer))
    const held = [...peers].filter(([, { isHeld }]) => isHeld === true).map(([peer]) => peer)
    counter.look(pin, new Set([...kept, ...held]), held.length)
  }
  return counter.finish()
}

/** The same by the pinset and by who lives. */
export async function countAllocated(
  components: CopiesComponents,
  question: ReplicationQuestion,
  { signal }: Options,
): Promise<ReplicationReport> {
  const members = membersOf(components)
  const counter = new CopyCounter(members, question)
  for await (const page of pagesOf(components.consensus.pins({}, { signal }))) {
    for (const pin of page) if (pin.type !== 'meta-pin') counter.look(pin, liveKeepers(pin, members))
  }
  return counter.finish()
}

function liveKeepers(pin: Pin, { live, all }: Members): ReadonlySet<PeerId> {
  if (isEverywhere(pin)) return new Set([...live].filter(peer => all.has(peer)))
  return new Set(pin.allocations.filter(peer => live.has(peer)))
}

/** Who counts: peers that were removed need keep nothing, and have copies as long as they live. */
function membersOf({ marks, monitor }: CopiesComponents): Members {
  const all = new Set<PeerId>()
  const live = new Set<PeerId>()
  for (const { peer, condition } of monitor.health()) {
    if (!marks.of(peer).isRemoved) all.add(peer)
    if (condition === 'alive' || condition === 'suspect') live.add(peer)
  }
  return { all, live, nameOf: peer => monitor.hello(peer)?.peername ?? '' }
}
