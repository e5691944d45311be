import { execFileSync } from 'node:child_process'
import { mkdtemp, rm, statfs, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A filesystem of its own in memory, which is full after so many bytes. Disposing it takes it away. */
export interface SmallDisk extends AsyncDisposable {
  readonly path: string
  /** Fills it up by a file, but for so many bytes. */
  fill(leftBytes: number): Promise<void>
  /** Removes what `fill` wrote. */
  makeRoom(): Promise<void>
}

/** Undefined when filesystems can be mounted here, else why not. */
export async function mountingUnavailable(): Promise<string | undefined> {
  try {
    await using _disk = await openSmallDisk(1024 * 1024)
    return undefined
  } catch {
    return 'a small disk must be mounted, which needs Linux and root'
  }
}

/** Mounts a small disk. */
export async function openSmallDisk(bytes: number): Promise<SmallDisk> {
  const path = await mkdtemp(join(tmpdir(), 'pinfold-disk-'))
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'pinfold', path], { stdio: 'pipe' })
  } catch (thrown) {
    await rm(path, { recursive: true })
    throw thrown
  }
  let fillers = 0
  return {
    path,
    async fill(leftBytes) {
      const { bavail, bsize } = await statfs(path)
      const size = Math.max(0, bavail * bsize - leftBytes)
      await writeFile(join(path, `filler${fillers++}`), new Uint8Array(size))
    },
    async makeRoom() {
      for (; fillers > 0; fillers--) await rm(join(path, `filler${fillers - 1}`))
    },
    async [Symbol.asyncDispose]() {
      execFileSync('umount', [path])
      await rm(path, { recursive: true })
    },
  }
}
