import { wasStopped } from '../errors.ts'
import type { Consensus, Ipfs, Monitor, Network, Options, Procedures } from '../interfaces.ts'
import type { PeerSight } from '../model/graph.ts'
import type { PeerId } from '../model/peer.ts'

/**
 * Whom a peer and its IPFS node are connected to, and what the peer makes of all others; `ipfs` is undefined when the node
 * does not answer.
 */
export type Links = Procedures['links']['output']

/** What a peer needs to say so. */
export interface LinksComponents {
  readonly self: PeerId
  readonly network: Pick<Network, 'latencyMs' | 'peers'>
  readonly monitor: Pick<Monitor, 'health'>
  readonly consensus: Pick<Consensus, 'isTrusted'>
  readonly ipfs: Pick<Ipfs, 'swarmPeers'>
}

/** Less than whoever asks is willing to wait, so that a node that hangs hides nothing but itself. */
const IPFS_LIMIT_MS = 1200

/** The connections of this peer. */
export async function ownLinks(components: LinksComponents, { signal }: Options): Promise<Links> {
  const ipfs = await swarmOf(components.ipfs, signal)
  return { cluster: components.network.peers(), ipfs, seen: sightsOf(components) }
}

function sightsOf({ self, network, monitor, consensus }: LinksComponents): readonly PeerSight[] {
  return monitor
    .health()
    .filter(({ peer }) => peer !== self)
    .map(({ peer, condition, phi }) => ({
      peer,
      condition,
      phi,
      isTrusted: consensus.isTrusted(peer),
      latencyMs: network.latencyMs(peer),
    }))
}

async function swarmOf(
  ipfs: LinksComponents['ipfs'],
  signal: AbortSignal,
): Promise<readonly PeerId[] | undefined> {
  try {
    return await ipfs.swarmPeers({ signal: AbortSignal.any([signal, AbortSignal.timeout(IPFS_LIMIT_MS)]) })
  } catch (thrown) {
    if (wasStopped(thrown, signal)) throw thrown
    return undefined
  }
}
