import { ClusterError } from '../errors.ts'
import type { Options, Scope } from '../interfaces.ts'
import { compareBytes } from '../lib/bytes.ts'
import { firstOf, mapPages, Pages, pagesOf } from '../lib/pages.ts'
import type { PeerId } from '../model/peer.ts'
import type { Pin } from '../model/pin.ts'
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
 * The state of every CID that matches, in order of CID bytes: a merge of the peers' own sorted streams, held a page a
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
  return range.limit === undefined ? all : firstOf(all, range.limit)
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

function mergePeers(
  components: StatusComponents,
  config: Pick<ClusterConfig, 'isFollower'>,
  { local, signal }: Scope,
  order: { readonly stallMs: number; readonly isOrderRequired: boolean },
  open: (peer: PeerId, options: Options) => AsyncIterable<PinInfo>,
): AsyncIterable<GlobalPinInfo> {
  const { self } = components
  if (!local && !config.isFollower) return new Pages(mergedPages(components, { ...order, signal }, open))
  return mapPages(open(self, { signal }), page =>
    page.map(info =>
      toGlobalInfo(info.cid, info.pin, info.timestampMs, [[self, describePeer(components, self, info)]]),
    ),
  )
}

async function* mergedPages(
  components: StatusComponents,
  order: Options & { readonly stallMs: number; readonly isOrderRequired: boolean },
  open: (peer: PeerId, options: Options) => AsyncIterable<PinInfo>,
): AsyncGenerator<readonly GlobalPinInfo[]> {
  const { monitor, clock } = components
  const members = monitor.peers()
  const sources = members.map(name => ({ name, open: (options: Options) => open(name, options) }))
  const compare = (a: PinInfo, b: PinInfo) => compareBytes(a.cid.bytes, b.cid.bytes)
  let isAnything = false
  for await (const groups of pagesOf(mergeSorted(sources, { ...order, clock, compare }))) {
    const page = await toStatuses(components, groups)
    isAnything ||= page.length > 0
    if (!isAnything) refuseIfAllFailed(members, groups.at(-1)?.failed ?? new Map())
    yield page
  }
}

/** What the peers say together, group by group. A group without items says nothing of any CID. */
async function toStatuses(
  components: StatusComponents,
  groups: readonly MergeGroup<PinInfo>[],
): Promise<readonly GlobalPinInfo[]> {
  const { consensus, self } = components
  // The others may know of entries that have not come here yet, or have gone.
  const strange = groups.filter(({ items }) => items.size > 0 && items.get(self)?.pin === undefined)
  const cids = strange.flatMap(({ items }) => [...items.values()].slice(0, 1).map(({ cid }) => cid))
  const found = strange.length === 0 ? [] : await consensus.getMany(cids)
  const pins = new Map(strange.map((group, at) => [group, found[at]]))
  return groups.flatMap(group => toStatus(components, group, pins.get(group)) ?? [])
}

function toStatus(
  components: StatusComponents,
  group: MergeGroup<PinInfo>,
  found: Pin | undefined,
): GlobalPinInfo | undefined {
  const { items, failed } = group
  const [first] = items.values()
  if (first === undefined) return undefined
  const peers: [PeerId, PeerPinInfo][] = []
  let createdMs = 0
  for (const [peer, info] of items) {
    peers.push([peer, describePeer(components, peer, info)])
    createdMs = Math.max(createdMs, info.timestampMs)
  }
  for (const [peer, error] of failed) {
    if (error.code === 'FORBIDDEN') continue
    peers.push([peer, describeUnasked(components, peer, 'cluster_error', error)])
  }
  const pin = items.get(components.self)?.pin ?? found ?? first.pin
  return toGlobalInfo(first.cid, pin, createdMs, peers)
}

/** A list that nobody could give must not look like an empty one. */
function refuseIfAllFailed(members: readonly PeerId[], failed: ReadonlyMap<string, ClusterError>): void {
  const [first] = [...failed.values()].filter(error => error.code !== 'FORBIDDEN')
  if (first === undefined || failed.size < members.length) return
  throw new ClusterError(first.code, `no peer could list its pins: ${first.message}`, { cause: first })
}
