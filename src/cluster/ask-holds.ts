import { ClusterError } from '../errors.ts'
import type { Rpc } from '../interfaces.ts'
import type { AskHolds } from '../model/holds.ts'
import { onlyAnswer } from './fan-out.ts'

/** Questions to other peers about what they hold. `rpc` answers undefined until calls can be made. */
export function makeAskHolds(rpc: () => Pick<Rpc, 'call'> | undefined): AskHolds {
  return async (peer, cids, options) => {
    const calls = rpc()
    if (calls === undefined) throw new ClusterError('NOT_READY', 'this peer is not open yet')
    const { held } = await onlyAnswer(calls.call(peer, 'holds', { cids }, options))
    if (held.length === cids.length) return held
    throw new ClusterError(
      'PEER_UNREACHABLE',
      `peer ${peer} was asked about ${cids.length} CIDs and answered about ${held.length}`,
    )
  }
}
