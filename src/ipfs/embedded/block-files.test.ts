import assert from 'node:assert/strict'
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { temporaryFolder } from '../../../test/support/embedded-node.ts'
import { rawBlock, sampleBytes } from '../../../test/support/sample-dag.ts'
import { mountingUnavailable, openSmallDisk } from '../../../test/support/small-disk.ts'
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

test('a block for which there is no room is told so, be it by the limit or by the disk, and fits once there is', async () => {
  await using folder = await temporaryFolder()
  await using files = await BlockFiles.open(systemClock, { folder: folder.path, storageMaxBytes: 8000 })
  const [first, second] = [await rawBlock(sampleBytes(5000, 'one')), await rawBlock(sampleBytes(5000, 'two'))]
  await files.write(blockKey(first.cid), first.bytes)
  await assert.rejects(files.write(blockKey(second.cid), second.bytes), {
    code: 'IPFS_FULL',
    message: /5000 of 8000 bytes.*storage_max_bytes/,
  })
  await files.discard(blockKey(first.cid))
  assert.ok(await files.write(blockKey(second.cid), second.bytes))
})

test('a full disk says that there is no room', { skip: (await mountingUnavailable()) ?? false }, async () => {
  await using disk = await openSmallDisk(4_000_000)
  await using files = await BlockFiles.open(systemClock, { folder: disk.path, storageMaxBytes: 0 })
  const { cid, bytes } = await rawBlock(sampleBytes(500_000, 'large'))
  await disk.fill(100_000)
  await assert.rejects(files.write(blockKey(cid), bytes), { code: 'IPFS_FULL', message: /disk .* is full/ })
  await disk.makeRoom()
  assert.ok(await files.write(blockKey(cid), bytes))
})
