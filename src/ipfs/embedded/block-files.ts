import {
  type FileHandle,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  statfs,
  utimes,
  writeFile,
} from 'node:fs/promises'
import { join } from 'node:path'
import { ClusterError, messageOf } from '../../errors.ts'
import type { Clock } from '../../lib/clock.ts'
import { isNoSpace } from '../no-space.ts'
import { BlockGuard } from './block-guard.ts'
import { type BlockKey, SHARDS_COUNT, shardName, shardOf } from './block-key.ts'
import { eachBounded } from './each-bounded.ts'
import { RepoSize } from './repo-size.ts'

/** Where blocks lie and how many bytes of them there may be (0 = no limit). */
export interface BlockFilesConfig {
  readonly folder: string
  readonly storageMaxBytes: number
}

const SYNCS_MAX = 16
const FRESH_MAX = 131_072

/**
 * Blocks as files, one each, in 256 folders. A file appears whole under its name (written aside, then renamed) but is only
 * as durable as the operating system makes it until `sync`. The time of a file is when its block was last put.
 */
export class BlockFiles implements AsyncDisposable {
  readonly guard = new BlockGuard()
  readonly size: RepoSize
  readonly #clock: Clock
  readonly #config: BlockFilesConfig
  readonly #stopping = new AbortController()
  readonly #writes = new Map<BlockKey, Promise<boolean>>()
  /** Blocks that this run wrote: known to be what their names say. */
  readonly #fresh = new Set<BlockKey>()
  #asides = 0
  /** Bytes of blocks that are being written. */
  #reservedBytes = 0

  private constructor(clock: Clock, config: BlockFilesConfig, knownBytes: number | undefined) {
    this.#clock = clock
    this.#config = config
    this.size = new RepoSize(knownBytes, shard => this.#countShard(shard), this.#stopping.signal)
  }

  static async open(clock: Clock, config: BlockFilesConfig): Promise<BlockFiles> {
    const { folder } = config
    try {
      await rm(join(folder, 'aside'), { recursive: true, force: true })
      await mkdir(join(folder, 'aside'), { recursive: true })
      for (let shard = 0; shard < SHARDS_COUNT; shard++) {
        await mkdir(join(folder, 'blocks', shardName(shard)), { recursive: true })
      }
      await syncFolder(join(folder, 'blocks'))
      await syncFolder(folder)
      return new BlockFiles(clock, config, await takeKnownSize(folder))
    } catch (cause) {
      throw diskError(`the folder of the embedded IPFS node, ${folder}, cannot be used`, cause)
    }
  }

  /** Whether this run wrote the block, so that its bytes need no check. */
  isFresh(key: BlockKey): boolean {
    return this.#fresh.has(key)
  }

  async has(key: BlockKey): Promise<boolean> {
    return this.isFresh(key) || (await unlessMissing(stat(this.#path(key)))) !== undefined
  }

  async read(key: BlockKey): Promise<Uint8Array | undefined> {
    const buffer = await unlessMissing(readFile(this.#path(key)))
    return buffer === undefined
      ? undefined
      : new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength)
  }

  /** Stores bytes that were verified. Answers whether they were new. A block that is there already becomes young again. */
  async write(key: BlockKey, bytes: Uint8Array): Promise<boolean> {
    const running = this.#writes.get(key)
    if (running !== undefined) {
      await running
      return false
    }
    const write = this.#write(key, bytes)
    this.#writes.set(key, write)
    try {
      return await write
    } finally {
      this.#writes.delete(key)
    }
  }

  /** Makes blocks survive a power cut: the files, then the folders that name them. */
  async sync(keys: readonly BlockKey[]): Promise<void> {
    await eachBounded(keys, SYNCS_MAX, async key => {
      await withFile(this.#path(key), 'r+', file => file.datasync()).catch((cause: unknown) => {
        this.#fresh.delete(key)
        throw diskError(`block ${key} could not be brought to the disk`, cause)
      })
    })
    const shards = [...new Set(keys.map(shardOf))]
    await eachBounded(shards, SYNCS_MAX, shard => syncFolder(this.#folder(shard)))
  }

  /** Removes a block whose bytes turned out to be damaged. */
  async discard(key: BlockKey): Promise<void> {
    this.#fresh.delete(key)
    const found = await unlessMissing(stat(this.#path(key)))
    if (found === undefined) return
    await rm(this.#path(key), { force: true })
    this.size.add(shardOf(key), -found.size)
  }

  /** Removes a block that nobody holds and that was put before `putBeforeMs`. Answers whether it is gone. */
  async collect(key: BlockKey, putBeforeMs: number): Promise<boolean> {
    let isGone = false
    await this.guard.remove(key, async () => {
      const found = await unlessMissing(stat(this.#path(key)))
      if (found === undefined || found.mtimeMs >= putBeforeMs) return
      this.#fresh.delete(key)
      await rm(this.#path(key))
      this.size.add(shardOf(key), -found.size)
      isGone = true
    })
    return isGone
  }

  /** Keys of a shard, in order. */
  async keys(shard: number): Promise<readonly BlockKey[]> {
    return (await readdir(this.#folder(shard))).sort()
  }

  /** The limit that was set, or what the blocks take and what is left on the disk. */
  async storageMaxBytes(): Promise<number> {
    const { storageMaxBytes, folder } = this.#config
    if (storageMaxBytes > 0) return storageMaxBytes
    const disk = await statfs(folder)
    return this.size.bytes + disk.bavail * disk.bsize
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort(new DOMException('stopped', 'AbortError'))
    await Promise.allSettled([this.size.counted, ...this.#writes.values()])
    if (this.size.isCounted) await writeFile(join(this.#config.folder, 'size'), String(this.size.bytes))
  }

  async #write(key: BlockKey, bytes: Uint8Array): Promise<boolean> {
    await this.guard.hold(key)
    try {
      const now = this.#clock.now() / 1000
      const touched = unlessMissing(utimes(this.#path(key), now, now).then(() => true))
      if ((await touched) === true) return false
      this.#checkRoom(bytes.length)
      this.#reservedBytes += bytes.length
      await this.#create(key, bytes, now).finally(() => {
        this.#reservedBytes -= bytes.length
      })
      if (this.#fresh.size >= FRESH_MAX) this.#fresh.clear()
      this.#fresh.add(key)
      return true
    } catch (cause) {
      throw cause instanceof ClusterError ? cause : diskError(`block ${key} could not be stored`, cause)
    } finally {
      this.guard.release(key)
    }
  }

  async #create(key: BlockKey, bytes: Uint8Array, putAtS: number): Promise<void> {
    const aside = join(this.#config.folder, 'aside', String(this.#asides++))
    try {
      await withFile(aside, 'wx', async file => {
        await file.writeFile(bytes)
        await file.utimes(putAtS, putAtS)
      })
      await rename(aside, this.#path(key))
    } catch (thrown) {
      // Otherwise every attempt on a full disk would take some more of it.
      await rm(aside, { force: true })
      throw thrown
    }
    this.size.add(shardOf(key), bytes.length)
  }

  #checkRoom(bytes: number): void {
    const { storageMaxBytes } = this.#config
    if (storageMaxBytes === 0 || this.size.bytes + this.#reservedBytes + bytes <= storageMaxBytes) return
    throw new ClusterError(
      'IPFS_FULL',
      `the embedded IPFS node is full (${this.size.bytes} of ${storageMaxBytes} bytes): collect garbage, or raise ipfs_connector.embedded.storage_max_bytes`,
    )
  }

  async #countShard(shard: number): Promise<number> {
    let bytes = 0
    await eachBounded(await this.keys(shard), SYNCS_MAX, async key => {
      const found = await unlessMissing(stat(this.#path(key)))
      bytes += found?.size ?? 0
    })
    return bytes
  }

  #folder(shard: number): string {
    return join(this.#config.folder, 'blocks', shardName(shard))
  }

  #path(key: BlockKey): string {
    return `${this.#config.folder}/blocks/${key.slice(0, 2)}/${key}`
  }
}

/** The size that the last run left; taken away, so that a run that does not end in order leaves none. */
async function takeKnownSize(folder: string): Promise<number | undefined> {
  const text = await unlessMissing(readFile(join(folder, 'size'), 'utf8'))
  await rm(join(folder, 'size'), { force: true })
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined
}

async function unlessMissing<Value>(task: Promise<Value>): Promise<Value | undefined> {
  try {
    return await task
  } catch (thrown) {
    if (thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT') return undefined
    throw thrown
  }
}

async function withFile(
  path: string,
  flags: string,
  work: (file: FileHandle) => Promise<void>,
): Promise<void> {
  const file = await open(path, flags)
  try {
    await work(file)
  } finally {
    await file.close()
  }
}

/** Makes the names in a folder survive a power cut. */
export async function syncFolder(folder: string): Promise<void> {
  await withFile(folder, 'r', file => file.sync())
}

function diskError(what: string, cause: unknown): ClusterError {
  if (isNoSpace(cause))
    return new ClusterError('IPFS_FULL', `${what}: the disk of the embedded IPFS node is full`, { cause })
  return new ClusterError(
    'STORE_FAILED',
    `${what} (${messageOf(cause)}): see to the disk's space and permissions`,
    {
      cause,
    },
  )
}
