import assert from 'node:assert/strict'
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { temporaryFolder } from '../../../test/support/embedded-node.ts'
import { rawBlock, sampleBytes } from '../../../test/support/sample-dag.ts'
import { systemClock } from '../../lib/clock.ts'
import { BlockFiles } from './block-files.ts'
import { blockKey } from './block-key.ts'

test('a block that cannot be stored leaves nothing behind that takes room', async () => {
  await using folder = await temporaryFolder()
  await using files = await BlockFiles.open(systemClock, { folder: folder.path, storageMaxBytes: 0 })
  const { cid, bytes } = await rawBlock(sampleBytes(5000, 'block'))
  const key = blockKey(cid)
  await rm(join(folder.path, 'blocks', key.slice(0, 2)), { recursive: true })
  for (let attempt = 0; attempt < 3; attempt++)
    await assert.rejects(files.write(key, bytes), { code: 'STORE_FAILED' })
  assert.deepEqual(await readdir(join(folder.path, 'aside')), [])
})
