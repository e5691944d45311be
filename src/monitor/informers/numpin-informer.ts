import type { Consensus, Informer } from '../../interfaces.ts'

/** Tells how many entries the pinset has, as this peer knows it. */
export function numpinInformer(consensus: Pick<Consensus, 'pinsCount'>, ttlMs: number): Informer {
  return {
    name: 'numpin',
    read: async () => [
      {
        name: 'numpin',
        value: String(consensus.pinsCount),
        weight: 0,
        isPartitionable: false,
        isValid: true,
        ttlMs,
      },
    ],
  }
}
