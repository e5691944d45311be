import type { Logger } from '../interfaces.ts'
import type { PeerId } from '../model/peer.ts'
import type { Trust } from './trust.ts'

/** Says in the log whenever what is said of a peer changes, and at the start when the cluster does not trust this one. */
export function tellTrust(
  trust: Pick<Trust, 'isSelfTrusted' | 'isTrusted' | 'onChanged'>,
  self: PeerId,
  logger: Pick<Logger, 'info' | 'warn'>,
): Disposable {
  const tellSelf = () =>
    logger.warn(
      'the cluster does not trust this peer: the others refuse what it writes, until one of them trusts it again',
    )
  if (!trust.isSelfTrusted) tellSelf()
  return trust.onChanged(peer => {
    if (peer === self && !trust.isSelfTrusted) tellSelf()
    else if (trust.isTrusted(peer)) logger.info('a peer is trusted from now on', { peer })
    else logger.info('a peer is not trusted any more', { peer })
  })
}
