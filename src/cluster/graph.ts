import type { Options } from '../interfaces.ts'
import type { ConnectGraph } from '../model/graph.ts'
import type { PeerId } from '../model/peer.ts'
import type { ClusterComponents } from './components.ts'
import { fanOut, onlyAnswer, PEER_LIMIT_MS } from './fan-out.ts'
import { type Links, ownLinks } from './links.ts'

/** What drawing the graph needs. */
export type GraphComponents = Pick<
  ClusterComponents,
  'clock' | 'consensus' | 'ipfs' | 'monitor' | 'network' | 'rpc' | 'self'
>

/**
 * Who is connected to whom. Every live peer is a key of `clusterLinks`, also one that did not answer; links to peers that
 * are not live are left out, since clients look every id up among the keys.
 */
export async function drawGraph(components: GraphComponents, { signal }: Options): Promise<ConnectGraph> {
  const { clock, self, monitor, consensus } = components
  const members = monitor.peers()
  const known = new Set(members)
  const peernames = new Map<PeerId, string>()
  const clusterLinks = new Map<PeerId, readonly PeerId[]>(members.map(peer => [peer, []]))
  const clusterToIpfs = new Map<PeerId, PeerId>()
  const ipfsLinks = new Map<PeerId, readonly PeerId[]>()
  const ask = (peer: PeerId, options: Options) => askLinks(components, peer, options)
  for await (const answer of fanOut(members, ask, { signal, clock, limitMs: PEER_LIMIT_MS })) {
    if ('error' in answer) continue
    const { peer, value } = answer
    const hello = monitor.hello(peer)
    peernames.set(peer, hello?.peername ?? '')
    clusterLinks.set(
      peer,
      value.cluster.filter(other => other !== peer && known.has(other)),
    )
    if (value.ipfs === undefined || hello?.ipfsId === undefined) continue
    clusterToIpfs.set(peer, hello.ipfsId)
    ipfsLinks.set(hello.ipfsId, value.ipfs)
  }
  const trusted = new Map(members.map(peer => [peer, consensus.isTrusted(peer)] as const))
  return { self, peernames, clusterLinks, trusted, clusterToIpfs, ipfsLinks }
}

function askLinks(components: GraphComponents, peer: PeerId, options: Options): Promise<Links> {
  return peer === components.self
    ? ownLinks(components, options)
    : onlyAnswer(components.rpc.call(peer, 'links', undefined, options))
}
