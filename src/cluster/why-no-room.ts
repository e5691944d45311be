import type { PeerId } from '../model/peer.ts'
import { isEverywhere, type Pin } from '../model/pin.ts'
import type { PeerWhy } from '../model/pin-why.ts'
import { allocationRequests } from './choose-peers.ts'
import type { ClusterConfig } from './config.ts'
import type { ExplainComponents } from './explain-allocation.ts'
import { choiceWithout } from './repin/without-room.ts'

/** What becomes of a pin that finds no room on a peer that is to keep it; '' where all have room. Nothing is written. */
export function whyNoRoom(
  components: ExplainComponents,
  config: ClusterConfig,
  pin: Pin | undefined,
  peers: ReadonlyMap<PeerId, PeerWhy>,
): string {
  const [full] = [...peers].filter(([, each]) => isRoomless(each)).map(([peer]) => peer)
  if (pin === undefined || full === undefined) return ''
  if (isEverywhere(pin)) return 'every peer keeps it: it stays there until there is room'
  if (!pin.allocations.includes(full)) return ''
  if (!config.repin.isAutomatic)
    return 'cluster.disable_repinning is set: it stays there until there is room, or until the peer is drained'
  const request = allocationRequests(components, config)(choiceWithout(pin, new Set([full])))
  const { allocations, error } = components.explainAllocation(request)
  if (error !== undefined) return `it stays there until there is room: ${error}`
  const [other] = allocations.filter(peer => !pin.allocations.includes(peer))
  return other === undefined
    ? 'others keep enough copies: that peer will be given up'
    : `another peer can take it, such as ${components.monitor.hello(other)?.peername || other}: it is moved soon after the second try, unless it did not fit on other peers either; then the alert no-room says so`
}

function isRoomless(peer: PeerWhy): boolean {
  if ('error' in peer) return false
  return peer.why.info.reason === 'IPFS_FULL' || peer.why.lastFailure?.reason === 'IPFS_FULL'
}
