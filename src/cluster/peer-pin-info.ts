import type { ClusterError } from '../errors.ts'
import type { Cid } from '../model/cid.ts'
import type { PeerId } from '../model/peer.ts'
import type { Pin } from '../model/pin.ts'
import type { GlobalPinInfo, PeerPinInfo, PinInfo, PinStatus } from '../model/pin-status.ts'
import type { ClusterComponents } from './components.ts'

/** What naming peers needs. */
export type NamingComponents = Pick<ClusterComponents, 'clock' | 'monitor'>

/** What a peer said of a CID, with the names that its heartbeat carries. */
export function describePeer(
  { monitor }: Pick<NamingComponents, 'monitor'>,
  peer: PeerId,
  info: Omit<PinInfo, 'cid' | 'pin'>,
): PeerPinInfo {
  const hello = monitor.hello(peer)
  return {
    status: info.status,
    timestampMs: info.timestampMs,
    error: info.error,
    attemptCount: info.attemptCount,
    isPriority: info.isPriority,
    ...(info.reason === undefined ? {} : { reason: info.reason }),
    ...(info.nextAttemptMs === undefined ? {} : { nextAttemptMs: info.nextAttemptMs }),
    ...(info.isGivenUp === undefined ? {} : { isGivenUp: info.isGivenUp }),
    ...(info.isHeld === undefined ? {} : { isHeld: info.isHeld }),
    peername: hello?.peername ?? '',
    ipfsPeerId: hello?.ipfsId,
    ipfsPeerAddresses: hello?.ipfsAddresses ?? [],
  }
}

/** What this peer says in place of one that was not asked, or did not answer. */
export function describeUnasked(
  components: NamingComponents,
  peer: PeerId,
  status: PinStatus,
  error?: ClusterError,
): PeerPinInfo {
  return describePeer(components, peer, {
    status,
    timestampMs: components.clock.now(),
    error: error?.message ?? '',
    ...(error === undefined ? {} : { reason: error.code }),
    attemptCount: 0,
    isPriority: false,
  })
}

/** The state of one CID, peers sorted by id. */
export function toGlobalInfo(
  cid: Cid,
  pin: Pin | undefined,
  createdMs: number,
  peers: Iterable<readonly [PeerId, PeerPinInfo]>,
): GlobalPinInfo {
  const sorted = [...peers].sort(([a], [b]) => (a < b ? -1 : 1))
  return { cid, pin, createdMs: pin?.timestampMs ?? createdMs, peers: new Map(sorted) }
}
