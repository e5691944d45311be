import { ClusterError } from '../../errors.ts'
import type { Informer, Ipfs } from '../../interfaces.ts'
import { DISK_USED_METRIC, type Measure } from '../../model/metric.ts'
import type { InformersConfig } from './config.ts'
import type { Filesystem } from './filesystem.ts'

/** What is asked of disks. */
export interface DiskParts {
  readonly ipfs: Pick<Ipfs, 'repoStat'>
  /** How full the file system is on which a path lies. */
  readonly filesystem: (path: string) => Promise<Filesystem>
}

/**
 * Tells how much room the IPFS repository has left (`freespace`; not valid when full), or takes (`reposize`), and which
 * share of what it may take is taken (`diskused`, 0 … 1, the smaller the better).
 */
export function diskInformer(
  { ipfs, filesystem }: DiskParts,
  { metric, filesystemPath, ttlMs }: NonNullable<InformersConfig['disk']>,
): Informer {
  const base = { isPartitionable: false, ttlMs }
  return {
    name: 'disk',
    read: async options => {
      const stat = await ipfs.repoStat(options)
      const sizeBytes = checked('the size', stat.sizeBytes)
      const limitBytes = checked('the limit', stat.storageMaxBytes)
      const disk = filesystemPath === '' ? undefined : await filesystem(filesystemPath)
      const room = [
        // Without a limit the file system alone says how much room there is.
        ...(limitBytes === 0 && disk !== undefined ? [] : [Math.max(0, limitBytes - sizeBytes)]),
        ...(disk === undefined ? [] : [disk.freeBytes]),
      ]
      const freeBytes = Math.min(...room)
      const shares = [
        ...(limitBytes === 0 ? [] : [sizeBytes / limitBytes]),
        ...(disk === undefined || disk.totalBytes === 0 ? [] : [1 - disk.freeBytes / disk.totalBytes]),
      ]
      const main: Measure =
        metric === 'reposize'
          ? { ...base, name: metric, value: String(sizeBytes), weight: 0 - sizeBytes, isValid: true }
          : { ...base, name: metric, value: String(freeBytes), weight: freeBytes, isValid: freeBytes > 0 }
      return shares.length === 0 ? [main] : [main, usedMeasure(Math.max(...shares), ttlMs)]
    },
  }
}

function usedMeasure(share: number, ttlMs: number): Measure {
  const used = Math.round(Math.min(1, Math.max(0, share)) * 10_000) / 10_000
  return {
    name: DISK_USED_METRIC,
    value: String(used),
    weight: 0 - used,
    isPartitionable: false,
    isValid: true,
    ttlMs,
  }
}

/** A count of bytes as it may be: nothing is told of a node that says anything else. */
function checked(what: string, bytes: number): number {
  if (Number.isFinite(bytes) && bytes >= 0) return bytes
  throw new ClusterError(
    'IPFS_REFUSED',
    `the IPFS node says that ${what} of its repository is ${bytes} bytes`,
  )
}
