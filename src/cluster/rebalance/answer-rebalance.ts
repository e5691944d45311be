import { ClusterError } from '../../errors.ts'
import type { Rebalancer } from '../../model/rebalance.ts'
import type { LocalComponents } from '../components.ts'

/** Answers another peer about the rebalance of this one, which is there once all of this peer is. */
export function makeRebalanceAnswer(
  find: () => Pick<Rebalancer, 'own' | 'stopOwn'> | undefined,
): NonNullable<LocalComponents['rebalance']> {
  return async action => {
    const rebalancer = find()
    if (rebalancer === undefined) throw new ClusterError('NOT_READY', 'this peer is still starting')
    return action === 'stop' ? rebalancer.stopOwn() : rebalancer.own()
  }
}
