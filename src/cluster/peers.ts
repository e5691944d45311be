import type { Options } from '../interfaces.ts'
import type { PeerId, PeerInfo } from '../model/peer.ts'
import type { PeerHealth } from '../model/peer-health.ts'
import type { ClusterComponents } from './components.ts'
import { fanOut, onlyAnswer, PEER_LIMIT_MS } from './fan-out.ts'
import { peerState } from './marks/peer-states.ts'

/** What listing peers needs. */
export type PeersComponents = Pick<
  ClusterComponents,
  'clock' | 'consensus' | 'marks' | 'monitor' | 'rpc' | 'self'
> & {
  readonly identify: (options: Options) => Promise<PeerInfo>
}

/** Every live peer as it answers; those that fail come last, with `error`, and those that are unreachable or gone. */
export async function* listPeers(components: PeersComponents, { signal }: Options): AsyncGenerator<PeerInfo> {
  const failed: PeerInfo[] = []
  const { clock } = components
  const ask = (peer: PeerId, options: Options) => askId(components, peer, options)
  for await (const answer of fanOut(components.monitor.peers(), ask, {
    signal,
    clock,
    limitMs: PEER_LIMIT_MS,
  })) {
    const care = peerState(components, answer.peer)
    if ('error' in answer) failed.push({ ...failedPeer(answer.peer, answer.error.message), care })
    else yield { ...answer.value, care }
  }
  yield* failed
  for (const { peer, condition, heardAtMs } of silentPeers(components)) {
    const care = peerState(components, peer)
    const name = care.peername === '' ? 'it' : care.peername
    const since =
      heardAtMs === undefined ? 'since this peer runs' : `since ${new Date(heardAtMs).toISOString()}`
    const error = `nothing was heard of ${name} ${since}: ${condition}`
    yield { ...failedPeer(peer, error), care }
  }
}

/** Of peers that do not live nothing can be asked; those that were removed are no members. */
function silentPeers({ marks, monitor }: PeersComponents): readonly PeerHealth[] {
  const living = new Set(monitor.peers())
  return monitor
    .health()
    .filter(
      ({ peer, condition }) =>
        (condition === 'unreachable' || condition === 'gone') &&
        !living.has(peer) &&
        !marks.of(peer).isRemoved,
    )
}

/**
 * Learns about a peer: membership follows the heartbeats, so all there is to do is to reach it. Throws
 * `PEER_UNREACHABLE` when that fails.
 */
export async function addPeer(
  components: PeersComponents,
  peer: PeerId,
  { signal }: Options,
): Promise<PeerInfo> {
  const { clock } = components
  const ask = (peer: PeerId, options: Options) => askId(components, peer, options)
  const answer = await onlyAnswer(fanOut([peer], ask, { signal, clock, limitMs: PEER_LIMIT_MS }))
  if ('error' in answer) throw answer.error
  const info = answer.value
  const isKnown = info.clusterPeers.includes(components.self)
  return isKnown ? info : { ...info, clusterPeers: [...info.clusterPeers, components.self] }
}

function askId(components: PeersComponents, peer: PeerId, options: Options): Promise<PeerInfo> {
  const { self, identify, rpc } = components
  return peer === self ? identify(options) : onlyAnswer(rpc.call(peer, 'id', undefined, options))
}

function failedPeer(peer: PeerId, error: string): PeerInfo {
  return {
    id: peer,
    addresses: [],
    clusterPeers: [],
    clusterPeersAddresses: [],
    version: '',
    rpcProtocolVersion: '',
    error,
    ipfs: { id: undefined, addresses: [], error: '' },
    peername: '',
  }
}
