import { statfs } from 'node:fs/promises'
import { ClusterError, messageOf } from '../../errors.ts'

/** How full a file system is. */
export interface Filesystem {
  /** What this user may still write. */
  readonly freeBytes: number
  readonly totalBytes: number
}

/** How full the file system is on which a path lies. Throws `STORE_FAILED` when it does not tell. */
export async function filesystemOf(path: string): Promise<Filesystem> {
  try {
    const { bavail, blocks, bsize } = await statfs(path)
    return { freeBytes: bavail * bsize, totalBytes: blocks * bsize }
  } catch (cause) {
    throw new ClusterError(
      'STORE_FAILED',
      `informer.disk.filesystem_path: ${messageOf(cause)}: name a folder on the disk of the IPFS repository`,
      { cause },
    )
  }
}
