import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { ByteStore, Logger, StoreWrite } from '../../interfaces.ts'
import { SHARDS_COUNT, shardName } from './block-key.ts'

const BATCH_MAX = 1024

/**
 * Drops every record of pins when the folder of blocks, or a part of it, was removed: the records, which lie elsewhere, would
 * have whoever asks believe that the content is there. What is asked for again is pinned again, with the blocks that are left.
 * To be called before the folders are made, so that a crash in between changes nothing.
 */
export async function forgetLost(
  { store, logger }: { readonly store: ByteStore; readonly logger: Logger },
  folder: string,
): Promise<void> {
  if (await isWhole(folder)) return
  let count = 0
  let writes: StoreWrite[] = []
  const flush = async () => {
    if (writes.length > 0) await store.batch(writes, { isSynced: true })
    count += writes.length
    writes = []
  }
  for await (const key of store.keys({})) {
    writes.push({ key, value: undefined })
    if (writes.length >= BATCH_MAX) await flush()
  }
  await flush()
  if (count > 0) {
    logger.warn('blocks of the embedded IPFS node were removed: what it had pinned must be pinned anew', {
      folder,
    })
  }
}

async function isWhole(folder: string): Promise<boolean> {
  const found = new Set(await namesIn(join(folder, 'blocks')))
  return Array.from({ length: SHARDS_COUNT }, (_, shard) => shardName(shard)).every(name => found.has(name))
}

async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder)
  } catch (thrown) {
    if (thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT') return []
    throw thrown
  }
}
