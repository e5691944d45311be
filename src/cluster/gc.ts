import { messageOf } from '../errors.ts'
import type { Options, Scope } from '../interfaces.ts'
import type { RepoGc } from '../model/graph.ts'
import type { PeerId } from '../model/peer.ts'
import type { ClusterComponents } from './components.ts'
import type { ClusterConfig } from './config.ts'

/** What garbage collection needs. */
export type GcComponents = Pick<ClusterComponents, 'ipfs' | 'monitor' | 'rpc' | 'self'>

/** The longest that one peer may take, as `repogc_timeout` has it by default. */
const GC_LIMIT_MS = 24 * 3_600_000

/**
 * Lets the peers' IPFS nodes remove what is not pinned, one node after the other so that the cluster goes on serving. A
 * peer that fails has an `error`; with `local` its failure is thrown. The result of one peer is held in memory.
 */
export async function* collectGarbage(
  components: GcComponents,
  config: Pick<ClusterConfig, 'isFollower'>,
  { local, signal }: Scope,
): AsyncGenerator<RepoGc> {
  const isLocal = local || config.isFollower
  for (const peer of isLocal ? [components.self] : components.monitor.peers()) {
    signal.throwIfAborted()
    const keys: RepoGc['keys'][number][] = []
    let error = ''
    try {
      const limited = AbortSignal.any([signal, AbortSignal.timeout(GC_LIMIT_MS)])
      for await (const key of collectOn(components, peer, { signal: limited })) keys.push(key)
    } catch (thrown) {
      if (local || signal.aborted) throw thrown
      error = messageOf(thrown)
    }
    yield { peer, peername: components.monitor.hello(peer)?.peername ?? '', keys, error }
  }
}

function collectOn({ self, ipfs, rpc }: GcComponents, peer: PeerId, options: Options) {
  return peer === self ? ipfs.gc(options) : rpc.call(peer, 'gc', undefined, options)
}
