import type { Options } from '../interfaces.ts'
import { formatCid } from '../model/cid.ts'
import { makeClosest } from './closest.ts'
import type { ClusterComponents } from './components.ts'
import { unpinCid } from './unpin.ts'

/** What removing expired pins needs. */
export type ExpiryComponents = Pick<
  ClusterComponents,
  'clock' | 'consensus' | 'ipfs' | 'logger' | 'monitor' | 'self' | 'tracer'
>

/**
 * Unpins what has expired and falls to this peer: of the trusted live peers, the nearest to the CID acts. One that
 * cannot be unpinned is logged and tried again in the next round. Answers with how many were unpinned.
 */
export async function unpinExpired(components: ExpiryComponents, { signal }: Options): Promise<number> {
  const { clock, consensus, logger, monitor, self } = components
  const closest = makeClosest(monitor.peers().filter(peer => peer === self || consensus.isTrusted(peer)))
  let unpinned = 0
  for await (const pin of consensus.pins({ types: new Set(['pin', 'meta-pin']) }, { signal })) {
    const isExpired = pin.expireAtMs !== undefined && pin.expireAtMs < clock.now()
    if (!isExpired || closest(pin.cid) !== self) continue
    try {
      await unpinCid(components, { isFollower: false }, pin.cid, { signal })
      unpinned++
      logger.debug('an expired pin was unpinned', { cid: formatCid(pin.cid) })
    } catch (error) {
      signal.throwIfAborted()
      logger.warn('an expired pin could not be unpinned', { cid: formatCid(pin.cid), error })
    }
  }
  return unpinned
}
