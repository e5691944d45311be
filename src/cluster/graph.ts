import type { Monitor, Options, PeerMarks } from '../interfaces.ts'
import type { ConnectGraph, PeerSight } from '../model/graph.ts'
import type { PeerId } from '../model/peer.ts'
import type { ClusterComponents } from './components.ts'
import { fanOut, onlyAnswer } from './fan-out.ts'
import { type Links, type LinksComponents, ownLinks } from './links.ts'

/** What drawing the graph needs. */
export interface GraphComponents extends LinksComponents, Pick<ClusterComponents, 'clock' | 'rpc'> {
  readonly marks: Pick<PeerMarks, 'of'>
  readonly monitor: Pick<Monitor, 'health' | 'hello' | 'peers'>
}

/** Somebody waits for the picture; a peer that takes longer is drawn as one that did not answer. */
const PEER_LIMIT_MS = 1800
/** All are asked at once up to here, since any of them may use up the limit. */
const ASKED_AT_ONCE = 256

/**
 * Who is connected to whom, and what they make of each other. Every member is a key of `clusterLinks`, also one that is
 * gone, of which nobody is asked, or that did not answer; links to peers that are no members are left out, since clients
 * look every id up among the keys. A member is who was ever heard of and not removed.
 */
export async function drawGraph(components: GraphComponents, { signal }: Options): Promise<ConnectGraph> {
  const { clock, self, marks, monitor, consensus } = components
  const health = new Map(
    monitor
      .health()
      .filter(({ peer }) => peer === self || !marks.of(peer).isRemoved)
      .map(one => [one.peer, one] as const),
  )
  const living = monitor.peers()
  const members = [...new Set([...living, ...health.keys()])]
  const known = new Set(members)
  const nameOf = (peer: PeerId) => monitor.hello(peer)?.peername ?? ''
  const clusterLinks = new Map<PeerId, readonly PeerId[]>(members.map(peer => [peer, []]))
  const clusterToIpfs = new Map<PeerId, PeerId>()
  const ipfsLinks = new Map<PeerId, readonly PeerId[]>()
  const failures = new Map<PeerId, string>()
  const sights = new Map<PeerId, readonly PeerSight[]>()
  const ask = (peer: PeerId, options: Options) => askLinks(components, peer, options)
  const limits = { signal, clock, limitMs: PEER_LIMIT_MS, concurrentMax: ASKED_AT_ONCE }
  for await (const answer of fanOut(living, ask, limits)) {
    if ('error' in answer) {
      failures.set(answer.peer, answer.error.message)
      continue
    }
    const { peer, value } = answer
    const isMember = (other: PeerId) => other !== peer && known.has(other)
    clusterLinks.set(peer, value.cluster.filter(isMember))
    sights.set(
      peer,
      value.seen.filter(sight => isMember(sight.peer)),
    )
    const ipfsId = monitor.hello(peer)?.ipfsId
    if (value.ipfs === undefined || ipfsId === undefined) continue
    clusterToIpfs.set(peer, ipfsId)
    ipfsLinks.set(ipfsId, value.ipfs)
  }
  const peernames = new Map(members.map(peer => [peer, nameOf(peer)] as const))
  const trusted = new Map(members.map(peer => [peer, consensus.isTrusted(peer)] as const))
  return { self, peernames, clusterLinks, trusted, clusterToIpfs, ipfsLinks, health, failures, sights }
}

function askLinks(components: GraphComponents, peer: PeerId, options: Options): Promise<Links> {
  return peer === components.self
    ? ownLinks(components, options)
    : onlyAnswer(components.rpc.call(peer, 'links', undefined, options))
}
