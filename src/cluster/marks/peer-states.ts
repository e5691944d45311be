import type { PeerId } from '../../model/peer.ts'
import type { PeerState } from '../../model/peer-care.ts'
import type { PeerHealth } from '../../model/peer-health.ts'
import type { ClusterComponents } from '../components.ts'

/** What telling of peers needs. */
export type PeerStatesComponents = Pick<ClusterComponents, 'consensus' | 'marks' | 'monitor'>

/** Every peer that was heard of or of which something is said, dead or alive; sorted by peer. */
export function peerStates({ consensus, marks, monitor }: PeerStatesComponents): readonly PeerState[] {
  const health = new Map(monitor.health().map(each => [each.peer, each]))
  const peers = new Set([...health.keys(), ...marks.all().map(({ peer }) => peer)])
  const components = { consensus, marks, monitor }
  return [...peers].sort().map(peer => stateWith(components, peer, health.get(peer)))
}

/** What is known of one peer. */
export function peerState(components: PeerStatesComponents, peer: PeerId): PeerState {
  return stateWith(
    components,
    peer,
    components.monitor.health().find(each => each.peer === peer),
  )
}

function stateWith(
  { consensus, marks, monitor }: PeerStatesComponents,
  peer: PeerId,
  health: PeerHealth | undefined,
): PeerState {
  const peername = monitor.hello(peer)?.peername ?? ''
  return { peer, peername, health, isTrusted: consensus.isTrusted(peer), mark: marks.of(peer) }
}
