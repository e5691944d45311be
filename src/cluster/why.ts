import type { Options, Scope } from '../interfaces.ts'
import type { Cid } from '../model/cid.ts'
import type { PeerId } from '../model/peer.ts'
import type { GlobalWhy, PeerWhy } from '../model/pin-why.ts'
import type { ClusterConfig } from './config.ts'
import type { ExplainComponents } from './explain-allocation.ts'
import { fanOut, onlyAnswer, PEER_LIMIT_MS } from './fan-out.ts'
import type { StatusComponents } from './status.ts'
import { whyNoRoom } from './why-no-room.ts'

/** What every live peer wants, has and tried of a CID, also those that it is not allocated to. */
export async function explain(
  components: StatusComponents & ExplainComponents,
  config: ClusterConfig,
  cid: Cid,
  { local, signal }: Scope,
): Promise<GlobalWhy> {
  const { clock, consensus, monitor, rpc, self, tracker } = components
  const pin = await consensus.get(cid)
  const living = local || config.isFollower ? [self] : monitor.peers()
  // Who keeps it and is silent is part of the answer.
  const members = [...new Set([...living, ...(local ? [] : (pin?.allocations ?? []))])]
  const ask = async (peer: PeerId, options: Options) =>
    peer === self ? tracker.why(cid, options) : onlyAnswer(rpc.call(peer, 'why', { cid }, options))
  const peers: [PeerId, PeerWhy][] = []
  for await (const answer of fanOut(members, ask, { signal, clock, limitMs: PEER_LIMIT_MS })) {
    const { peer } = answer
    const peername = monitor.hello(peer)?.peername ?? ''
    peers.push([
      peer,
      'value' in answer ? { peername, why: answer.value } : { peername, error: answer.error },
    ])
  }
  const sorted = new Map(peers.sort(([a], [b]) => (a < b ? -1 : 1)))
  return { cid, pin, peers: sorted, noRoom: whyNoRoom(components, config, pin, sorted) }
}
