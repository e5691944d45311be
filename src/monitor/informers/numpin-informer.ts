import type { Informer, PinTracker } from '../../interfaces.ts'

/** Tells how many pins the IPFS node has, the fewer the better; nothing until they are listed for the first time. */
export function numpinInformer(
  tracker: Pick<PinTracker, 'pinnedCount'>,
  { ttlMs }: { readonly ttlMs: number },
): Informer {
  return {
    name: 'numpin',
    read: async () => {
      const count = tracker.pinnedCount
      if (count === undefined) return []
      return [
        {
          name: 'numpin',
          value: String(count),
          weight: 0 - count,
          isPartitionable: false,
          isValid: true,
          ttlMs,
        },
      ]
    },
  }
}
