import assert from 'node:assert/strict'
import test from 'node:test'
import { configuredInformers } from './configured-informers.ts'
import { diskInformer } from './disk-informer.ts'
import { pinqueueInformer } from './pinqueue-informer.ts'
import { tagsInformer } from './tags-informer.ts'

const { signal } = new AbortController()
const ttlMs = 30_000
const stat = (sizeBytes: number, storageMaxBytes: number) => ({
  repoStat: async () => ({ sizeBytes, storageMaxBytes }),
})

async function diskOf(metric: 'freespace' | 'reposize', sizeBytes: number, storageMaxBytes: number) {
  const [measure] = await diskInformer(stat(sizeBytes, storageMaxBytes), { metric, ttlMs }).read({ signal })
  return [measure?.name, measure?.value, measure?.weight, measure?.isValid]
}

test('free space is what the limit leaves; a full repository is not valid', async () => {
  assert.deepEqual(await diskOf('freespace', 2000, 100_000), ['freespace', '98000', 98_000, true])
  assert.deepEqual(await diskOf('freespace', 100_000, 100_000), ['freespace', '0', 0, false])
  assert.deepEqual(await diskOf('freespace', 5, 0), ['freespace', '0', 0, false])
})

test('of repository sizes the smaller is the better', async () => {
  assert.deepEqual(await diskOf('reposize', 2000, 0), ['reposize', '2000', -2000, true])
})

test('queues tie within a bucket', async () => {
  for (const [bucketSize, weight] of [
    [0, -42],
    [5, -8],
    [100_000, 0],
  ] as const) {
    const [measure] = await pinqueueInformer({ queueLength: 42 }, { bucketSize, ttlMs }).read({ signal })
    assert.deepEqual([measure?.value, measure?.weight], ['42', weight])
  }
})

test('every tag is a metric of its own that forms groups', async () => {
  const measures = await tagsInformer({ tags: { group: 'a', rack: '7' }, ttlMs }).read({ signal })
  assert.deepEqual(
    measures.map(({ name, value, isPartitionable }) => [name, value, isPartitionable]),
    [
      ['tag:group', 'a', true],
      ['tag:rack', '7', true],
    ],
  )
})

test('only informers that are configured run', () => {
  const parts = { ipfs: stat(0, 0), tracker: { queueLength: 0 } }
  const disk = { metric: 'freespace', ttlMs } as const
  const names = (config: Parameters<typeof configuredInformers>[1]) =>
    configuredInformers(parts, config).map(({ name }) => name)
  assert.deepEqual(names({ disk: undefined, tags: undefined, pinqueue: undefined }), [])
  assert.deepEqual(names({ disk, tags: { tags: {}, ttlMs }, pinqueue: { bucketSize: 1, ttlMs } }), [
    'disk',
    'tags',
    'pinqueue',
  ])
})
