import { createWriteStream } from 'node:fs'
import { mkdir, open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { ClusterError, messageOf } from '../errors.ts'

/**
 * Writes a file so that a crash leaves the old one or the new one, never a part. The folder is made with mode 0700. Throws
 * `STORE_FAILED`.
 */
export async function writeWhole(path: string, text: string, mode: number): Promise<void> {
  try {
    await write(path, text, mode)
  } catch (cause) {
    throw new ClusterError(
      'STORE_FAILED',
      `cannot write ${path} (${messageOf(cause)}): see that its folder is one, that it may be written to by this user, and that the disk has room`,
      { cause },
    )
  }
}

/**
 * The same for what comes in pieces and is too large to be held. What fails or is stopped leaves nothing behind, a crash the file
 * `….part`. Throws what the pieces or the file system throw.
 */
export async function writePieces(
  path: string,
  pieces: AsyncIterable<string>,
  mode: number,
  { signal }: { readonly signal: AbortSignal },
): Promise<void> {
  const part = `${path}.part`
  try {
    await pipeline(pieces, createWriteStream(part, { mode, flush: true }), { signal })
    await rename(part, path)
  } catch (thrown) {
    await rm(part, { force: true })
    throw thrown
  }
}

async function write(path: string, text: string, mode: number): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  const temporary = `${path}.new`
  await rm(temporary, { force: true })
  const file = await open(temporary, 'wx', mode)
  try {
    await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(temporary, path)
}
