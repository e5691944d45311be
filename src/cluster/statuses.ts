import { ClusterError } from '../errors.ts'
import type { Options, Scope } from '../interfaces.ts'
import { compareBytes } from '../lib/bytes.ts'
import type { PeerId } from '../model/peer.ts'
import type { GlobalPinInfo, PeerPinInfo, PinInfo, PinStatusFilter } from '../model/pin-status.ts'
import type { Recovering } from '../model/recover-filter.ts'
import type { Ranged } from '../model/status-range.ts'
import type { ClusterConfig } from './config.ts'
import { type MergeGroup, mergeSorted } from './merge-sorted.ts'
import { describePeer, describeUnasked, toGlobalInfo } from './peer-pin-info.ts'
import type { StatusComponents } from './status.ts'

/** How long a peer may take for its next line: it may have to list all pins of its IPFS node first. */
const STALL_MS = 120_000
/** Recovering everything looks through the whole pinset between two lines. */
const RECOVER_STALL_MS = 900_000

/**
 * The state of every CID that matches, in order of CID bytes: a merge of the peers' own sorted streams, held one line a
 * peer. A peer that fails shows as `cluster_error` on what the others say from there on; when all fail, so does this.
 */
export function listStatuses(
  components: StatusComponents,
  config: Pick<ClusterConfig, 'isFollower'>,
  filter: PinStatusFilter,
  { range = {}, ...scope }: Scope & Ranged,
): AsyncIterable<GlobalPinInfo> {
  const { tracker, rpc, self } = components
  // Whoever gives its first ones gives all that are among the first ones of everybody.
  const all = mergePeers(
    components,
    config,
    scope,
    { stallMs: STALL_MS, isOrderRequired: true },
    (peer, { signal }) =>
      peer === self
        ? tracker.statuses(filter, { range, signal })
        : rpc.call(peer, 'statuses', { filter, range }, { signal }),
  )
  return range.limit === undefined ? all : atMost(range.limit, all)
}

async function* atMost<Item>(limit: number, items: AsyncIterable<Item>): AsyncGenerator<Item> {
  let left = limit
  for await (const item of items) {
    yield item
    left -= 1
    if (left <= 0) return
  }
}

/** Tries what is in error or missing again, and answers with what was queued, by the peers that queued it. */
export function recoverEverything(
  components: StatusComponents,
  config: Pick<ClusterConfig, 'isFollower'>,
  { filter, ...scope }: Scope & Recovering,
): AsyncIterable<GlobalPinInfo> {
  const { tracker, rpc, self } = components
  const order = { stallMs: RECOVER_STALL_MS, isOrderRequired: false }
  const input = filter === undefined ? undefined : { filter }
  return mergePeers(components, config, scope, order, (peer, { signal }) =>
    peer === self
      ? tracker.recoverAll({ ...input, signal })
      : rpc.call(peer, 'recoverAll', input, { signal }),
  )
}

async function* mergePeers(
  components: StatusComponents,
  config: Pick<ClusterConfig, 'isFollower'>,
  { local, signal }: Scope,
  order: { readonly stallMs: number; readonly isOrderRequired: boolean },
  open: (peer: PeerId, options: Options) => AsyncIterable<PinInfo>,
): AsyncGenerator<GlobalPinInfo> {
  const { self, monitor, clock } = components
  if (local || config.isFollower) {
    for await (const info of open(self, { signal })) {
      yield toGlobalInfo(info.cid, info.pin, info.timestampMs, [[self, describePeer(components, self, info)]])
    }
    return
  }
  const members = monitor.peers()
  const sources = members.map(name => ({ name, open: (options: Options) => open(name, options) }))
  const groups = mergeSorted(sources, {
    ...order,
    signal,
    clock,
    compare: (a, b) => compareBytes(a.cid.bytes, b.cid.bytes),
  })
  let isAnything = false
  for await (const group of groups) {
    const info = await toStatus(components, group)
    if (info !== undefined) {
      isAnything = true
      yield info
    } else if (!isAnything) refuseIfAllFailed(members, group.failed)
  }
}

async function toStatus(
  components: StatusComponents,
  { items, failed }: MergeGroup<PinInfo>,
): Promise<GlobalPinInfo | undefined> {
  const [first] = items.values()
  if (first === undefined) return undefined
  const peers: [PeerId, PeerPinInfo][] = []
  let pin = items.get(components.self)?.pin
  let createdMs = 0
  for (const [peer, info] of items) {
    peers.push([peer, describePeer(components, peer, info)])
    createdMs = Math.max(createdMs, info.timestampMs)
  }
  for (const [peer, error] of failed) {
    if (error.code === 'FORBIDDEN') continue
    peers.push([peer, describeUnasked(components, peer, 'cluster_error', error)])
  }
  pin ??= (await components.consensus.get(first.cid)) ?? first.pin
  return toGlobalInfo(first.cid, pin, createdMs, peers)
}

/** A list that nobody could give must not look like an empty one. */
function refuseIfAllFailed(members: readonly PeerId[], failed: ReadonlyMap<string, ClusterError>): void {
  const [first] = [...failed.values()].filter(error => error.code !== 'FORBIDDEN')
  if (first === undefined || failed.size < members.length) return
  throw new ClusterError(first.code, `no peer could list its pins: ${first.message}`, { cause: first })
}
