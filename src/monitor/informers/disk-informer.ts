import type { Informer, Ipfs } from '../../interfaces.ts'

/** Tells how much room the IPFS repository has left (`freespace`; not valid when full), or takes (`reposize`). */
export function diskInformer(
  ipfs: Pick<Ipfs, 'repoStat'>,
  { metric, ttlMs }: { readonly metric: 'freespace' | 'reposize'; readonly ttlMs: number },
): Informer {
  return {
    name: 'disk',
    read: async options => {
      const { sizeBytes, storageMaxBytes } = await ipfs.repoStat(options)
      const base = { name: metric, isPartitionable: false, ttlMs }
      if (metric === 'reposize') {
        return [{ ...base, value: String(sizeBytes), weight: 0 - sizeBytes, isValid: true }]
      }
      const freeBytes = Math.max(0, storageMaxBytes - sizeBytes)
      return [{ ...base, value: String(freeBytes), weight: freeBytes, isValid: freeBytes > 0 }]
    },
  }
}
