import type { Informer } from '../../interfaces.ts'

/** Tells how much this peer is wanted, as the operator says. */
export function weightInformer({
  weight,
  ttlMs,
}: {
  readonly weight: number
  readonly ttlMs: number
}): Informer {
  const measure = {
    name: 'weight',
    value: String(weight),
    weight,
    isPartitionable: false,
    isValid: true,
    ttlMs,
  }
  return { name: 'weight', read: async () => [measure] }
}
