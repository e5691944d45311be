import { open, readdir, rm, stat, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { ClusterError, messageOf } from '../errors.ts'

/** What LevelDB writes when it opens, beside a table of all that its logs hold. */
const OPENING_BYTES = 256 * 1024
const PIECE_BYTES = 1024 * 1024
/** LevelDB clears away a file of that name when it opens, should a crash leave one. */
const PROBE = '0.dbtmp'

/**
 * Makes sure that the disk takes as much as opening the database in a folder writes, by writing it. Throws `STORE_FAILED` when
 * it does not. The database may be open meanwhile.
 */
export async function checkRoom(folder: string): Promise<void> {
  const path = join(folder, PROBE)
  try {
    const neededBytes = OPENING_BYTES + (await logBytes(folder))
    await checkFree(folder, neededBytes)
    try {
      await writeZeros(path, neededBytes)
    } finally {
      await rm(path, { force: true })
    }
  } catch (thrown) {
    if (thrown instanceof ClusterError) throw thrown
    throw refusal(folder, messageOf(thrown), thrown)
  }
}

/** Without it the probe itself would fill up the disk for everybody else. */
async function checkFree(folder: string, neededBytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(folder)
  const freeBytes = bavail * bsize
  if (freeBytes >= neededBytes) return
  throw refusal(
    folder,
    `${toKib(freeBytes)} KiB are free of ${toKib(neededBytes)} KiB that it needs`,
    undefined,
  )
}

async function logBytes(folder: string): Promise<number> {
  const logs = (await readdir(folder)).filter(name => name.endsWith('.log'))
  const sizes = await Promise.all(logs.map(async name => (await stat(join(folder, name))).size))
  return sizes.reduce((sum, size) => sum + size, 0)
}

async function writeZeros(path: string, bytes: number): Promise<void> {
  const piece = new Uint8Array(PIECE_BYTES)
  const file = await open(path, 'w')
  try {
    for (let left = bytes; left > 0; left -= PIECE_BYTES) {
      await file.appendFile(piece.subarray(0, Math.min(left, PIECE_BYTES)))
    }
    await file.sync()
  } finally {
    await file.close()
  }
}

function toKib(bytes: number): number {
  return Math.floor(bytes / 1024)
}

function refusal(folder: string, why: string, cause: unknown): ClusterError {
  return new ClusterError(
    'STORE_FAILED',
    `the disk has no room for the database in ${folder} (${why}): free some space on it`,
    { ...(cause === undefined ? {} : { cause }), details: { folder } },
  )
}
