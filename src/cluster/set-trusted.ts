import { ClusterError } from '../errors.ts'
import type { Options } from '../interfaces.ts'
import { type PeerId, parsePeerId } from '../model/peer.ts'
import type { ClusterComponents } from './components.ts'
import type { ClusterConfig } from './config.ts'
import { refuseAsFollower } from './pin-rules.ts'

/** What changing trust needs. */
export type TrustComponents = Pick<ClusterComponents, 'consensus' | 'logger' | 'monitor' | 'self'>

/**
 * Says for the whole cluster that a peer is trusted, or not, from now on; on disk here when it resolves. Others notice by
 * the heartbeat that follows at once. `REFUSED` for this peer itself, and when nobody would listen to it.
 */
export async function setTrusted(
  { consensus, logger, monitor, self }: TrustComponents,
  config: Pick<ClusterConfig, 'isFollower'>,
  text: string,
  isTrusted: boolean,
  options: Options,
): Promise<void> {
  const peer: PeerId = parsePeerId(text)
  refuseAsFollower(config.isFollower)
  if (peer === self)
    throw new ClusterError(
      'REFUSED',
      'a peer cannot say whether it is to be trusted itself: ask another peer',
    )
  if (!consensus.state.trust.isSelfTrusted)
    throw new ClusterError(
      'REFUSED',
      'the cluster does not trust this peer, so nobody would listen to it: ask another peer',
    )
  await consensus.setTrusted(peer, isTrusted, options)
  // Not waited for: it asks the IPFS node, which may hang. The next one tells the same.
  monitor.beat().catch((error: unknown) => logger.warn('the heartbeat after a change failed', { error }))
}
