import type { Options, Scope } from '../interfaces.ts'
import { withSpan } from '../lib/span.ts'
import type { Cid } from '../model/cid.ts'
import type { PeerId } from '../model/peer.ts'
import { isEverywhere, type Pin } from '../model/pin.ts'
import type { GlobalPinInfo, PeerPinInfo, PinInfo } from '../model/pin-status.ts'
import type { ClusterComponents } from './components.ts'
import type { ClusterConfig } from './config.ts'
import { fanOut, onlyAnswer, PEER_LIMIT_MS } from './fan-out.ts'
import { describePeer, describeUnasked, toGlobalInfo } from './peer-pin-info.ts'

/** What asking about one CID needs. */
export type StatusComponents = Pick<
  ClusterComponents,
  'clock' | 'consensus' | 'monitor' | 'rpc' | 'self' | 'tracer' | 'tracker'
>

/** The state of one CID. A follower answers for itself only. */
export function statusOf(
  components: StatusComponents,
  config: Pick<ClusterConfig, 'isFollower'>,
  cid: Cid,
  scope: Scope,
): Promise<GlobalPinInfo> {
  return askAllocated(components, config, 'status', cid, scope)
}

/** Tries a CID again where it is in error or missing, and answers with the state after that. */
export function recoverCid(
  components: StatusComponents,
  config: Pick<ClusterConfig, 'isFollower'>,
  cid: Cid,
  scope: Scope,
): Promise<GlobalPinInfo> {
  return askAllocated(components, config, 'recover', cid, scope)
}

function askAllocated(
  components: StatusComponents,
  config: Pick<ClusterConfig, 'isFollower'>,
  procedure: 'status' | 'recover',
  cid: Cid,
  { local, signal }: Scope,
): Promise<GlobalPinInfo> {
  return withSpan(components.tracer, `cluster/${procedure}`, async () => {
    const { self, tracker, consensus, clock, monitor } = components
    if (local || config.isFollower) {
      const info = await tracker[procedure](cid, { signal })
      return toGlobalInfo(cid, info.pin, 0, [[self, describePeer(components, self, info)]])
    }
    const pin = await consensus.get(cid)
    const members = monitor.peers()
    const asked = pin === undefined ? [] : keepersOf(pin, members)
    const others = members.filter(peer => !asked.includes(peer))
    const peers = new Map<PeerId, PeerPinInfo>()
    for (const peer of others) {
      peers.set(peer, describeUnasked(components, peer, pin === undefined ? 'unpinned' : 'remote'))
    }
    const ask = (peer: PeerId, options: Options) => askPeer(components, procedure, peer, cid, options)
    for await (const answer of fanOut(asked, ask, { signal, clock, limitMs: PEER_LIMIT_MS })) {
      const { peer } = answer
      peers.set(
        peer,
        'error' in answer
          ? describeUnasked(components, peer, 'cluster_error', answer.error)
          : describePeer(components, peer, answer.value),
      )
    }
    return toGlobalInfo(cid, pin, clock.now(), peers)
  })
}

/** Who is to be asked about an entry. The root of a sharded DAG is kept by nobody, and every peer says so. */
function keepersOf(pin: Pin, members: readonly PeerId[]): readonly PeerId[] {
  return isEverywhere(pin) || pin.type === 'meta-pin' ? members : [...new Set(pin.allocations)]
}

function askPeer(
  { self, tracker, rpc }: StatusComponents,
  procedure: 'status' | 'recover',
  peer: PeerId,
  cid: Cid,
  options: Options,
): Promise<PinInfo> {
  return peer === self
    ? tracker[procedure](cid, options)
    : onlyAnswer(rpc.call(peer, procedure, { cid }, options))
}
