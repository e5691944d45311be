import type { Options } from '../interfaces.ts'
import type { RepoStat } from '../model/graph.ts'
import type { PeerId } from '../model/peer.ts'
import type { ClusterComponents } from './components.ts'
import { fanOut, onlyAnswer, PEER_LIMIT_MS } from './fan-out.ts'

/** What adding up the IPFS nodes needs. */
export type RepoStatComponents = Pick<ClusterComponents, 'clock' | 'ipfs' | 'monitor' | 'rpc' | 'self'>

/** How full the IPFS nodes of all live peers are together. Peers that do not answer are left out. */
export async function sumRepoStats(
  { clock, ipfs, monitor, rpc, self }: RepoStatComponents,
  { signal }: Options,
): Promise<RepoStat> {
  const ask = (peer: PeerId, options: Options) =>
    peer === self ? ipfs.repoStat(options) : onlyAnswer(rpc.call(peer, 'repoStat', undefined, options))
  let sizeBytes = 0
  let storageMaxBytes = 0
  for await (const answer of fanOut(monitor.peers(), ask, { signal, clock, limitMs: PEER_LIMIT_MS })) {
    if ('error' in answer) continue
    sizeBytes += answer.value.sizeBytes
    storageMaxBytes += answer.value.storageMaxBytes
  }
  return { sizeBytes, storageMaxBytes }
}
