import type { Informer, PinTracker } from '../../interfaces.ts'

/** Tells how many pins wait on this peer. The weight counts whole buckets, so that similar queues tie. */
export function pinqueueInformer(
  tracker: Pick<PinTracker, 'queueLength'>,
  { bucketSize, ttlMs }: { readonly bucketSize: number; readonly ttlMs: number },
): Informer {
  return {
    name: 'pinqueue',
    read: async () => {
      const length = tracker.queueLength
      const weight = 0 - (bucketSize === 0 ? length : Math.floor(length / bucketSize))
      return [
        { name: 'pinqueue', value: String(length), weight, isPartitionable: false, isValid: true, ttlMs },
      ]
    },
  }
}
