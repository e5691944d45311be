import { ClusterError } from '../errors.ts'
import type { PinOptions } from '../model/pin.ts'
import type { Replication } from './config.ts'

/** The replication that a pin asks for, with the cluster's own where it does not say. Throws `REFUSED`. */
export function resolveReplication(
  asked: Pick<PinOptions, 'replicationMin' | 'replicationMax'>,
  byDefault: Replication,
): Replication {
  const min = asked.replicationMin === 0 ? byDefault.min : asked.replicationMin
  const max = asked.replicationMax === 0 ? byDefault.max : asked.replicationMax
  if (min > max) refuse('cluster.replication_factor_min is larger than max')
  if (min < -1) refuse('cluster.replication_factor_min is wrong')
  if ((min === -1) !== (max === -1)) {
    refuse('cluster.replication_factor_min and max must be -1 when one of them is')
  }
  return { min, max }
}

function refuse(why: string): never {
  throw new ClusterError('REFUSED', why)
}
