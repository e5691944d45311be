import type { Informer } from '../../interfaces.ts'

/** An informer that tells one text, such as a digest, which does not order peers. */
export function valueInformer(name: string, ttlMs: number, value: () => string): Informer {
  return {
    name,
    read: async () => [{ name, value: value(), weight: 0, isPartitionable: false, isValid: true, ttlMs }],
  }
}
