import { wasStopped } from '../errors.ts'
import type { Options, Procedures } from '../interfaces.ts'
import type { PeerId } from '../model/peer.ts'
import type { LocalComponents } from './components.ts'

/** Whom a peer and its IPFS node are connected to; `ipfs` is undefined when the node does not answer. */
export type Links = Procedures['links']['output']

const IPFS_LIMIT_MS = 5000

/** The connections of this peer. */
export async function ownLinks(
  {
    network,
    ipfs,
  }: { readonly network: Pick<LocalComponents['network'], 'peers'> } & {
    readonly ipfs: Pick<LocalComponents['ipfs'], 'swarmPeers'>
  },
  { signal }: Options,
): Promise<Links> {
  return { cluster: network.peers(), ipfs: await swarmOf(ipfs, signal) }
}

async function swarmOf(
  ipfs: Pick<LocalComponents['ipfs'], 'swarmPeers'>,
  signal: AbortSignal,
): Promise<readonly PeerId[] | undefined> {
  try {
    return await ipfs.swarmPeers({ signal: AbortSignal.any([signal, AbortSignal.timeout(IPFS_LIMIT_MS)]) })
  } catch (thrown) {
    if (wasStopped(thrown, signal)) throw thrown
    return undefined
  }
}
