import assert from 'node:assert/strict'
import { tmpdir } from 'node:os'
import test from 'node:test'
import type { Measure } from '../../model/metric.ts'
import { isSendable } from '../heartbeat.ts'
import { toInformersConfig } from './config.ts'
import { configuredInformers } from './configured-informers.ts'
import { diskInformer } from './disk-informer.ts'
import { type Filesystem, filesystemOf } from './filesystem.ts'
import { numpinInformer } from './numpin-informer.ts'
import { pinqueueInformer } from './pinqueue-informer.ts'
import { tagsInformer } from './tags-informer.ts'
import { weightInformer } from './weight-informer.ts'

const { signal } = new AbortController()
const ttlMs = 30_000
const stat = (sizeBytes: number, storageMaxBytes: number, disk?: Filesystem) => ({
  ipfs: { repoStat: async () => ({ sizeBytes, storageMaxBytes }) },
  filesystem: async () => disk ?? assert.fail('nobody asked for the file system'),
})
const told = (measure: Measure | undefined) => [
  measure?.name,
  measure?.value,
  measure?.weight,
  measure?.isValid,
]

async function disksOf(metric: 'freespace' | 'reposize', ...sizes: Parameters<typeof stat>) {
  const filesystemPath = sizes[2] === undefined ? '' : '/data'
  return diskInformer(stat(...sizes), { metric, filesystemPath, ttlMs }).read({ signal })
}
const diskOf = async (...asked: Parameters<typeof disksOf>) => told((await disksOf(...asked))[0])
const usedOf = async (...asked: Parameters<typeof disksOf>) => told((await disksOf(...asked))[1])

test('free space is what the limit leaves; a full repository is not valid', async () => {
  assert.deepEqual(await diskOf('freespace', 2000, 100_000), ['freespace', '98000', 98_000, true])
  assert.deepEqual(await diskOf('freespace', 100_000, 100_000), ['freespace', '0', 0, false])
  assert.deepEqual(await diskOf('freespace', 5, 0), ['freespace', '0', 0, false])
})

test('the share that is taken is told beside it, also of a full repository', async () => {
  assert.deepEqual(await usedOf('freespace', 2000, 100_000), ['diskused', '0.02', -0.02, true])
  assert.deepEqual(await usedOf('reposize', 150_000, 100_000), ['diskused', '1', -1, true])
  assert.equal((await disksOf('freespace', 5, 0)).length, 1)
})

test('a file system with less room than the limit leaves decides, as it does where there is no limit', async () => {
  const disk = { freeBytes: 100, totalBytes: 1000 }
  assert.deepEqual(await diskOf('freespace', 500, 10_000, disk), ['freespace', '100', 100, true])
  assert.deepEqual(await usedOf('freespace', 500, 10_000, disk), ['diskused', '0.9', -0.9, true])
  assert.deepEqual(await diskOf('freespace', 9990, 10_000, disk), ['freespace', '10', 10, true])
  assert.deepEqual(await usedOf('freespace', 9990, 10_000, disk), ['diskused', '0.999', -0.999, true])
  assert.deepEqual(await diskOf('freespace', 5, 0, disk), ['freespace', '100', 100, true])
})

test('the file system of a folder is asked, and one that is not there is named', async () => {
  const { freeBytes, totalBytes } = await filesystemOf(tmpdir())
  assert.ok(freeBytes > 0 && totalBytes >= freeBytes)
  await assert.rejects(filesystemOf('/nowhere/at all'), {
    code: 'STORE_FAILED',
    message: /^informer\.disk\.filesystem_path: .*\/nowhere\/at all/,
  })
})

test('nothing is told of a node that says what cannot be', async () => {
  for (const [size, limit] of [
    [Number.NaN, 1],
    [-1, 1],
    [1, Number.POSITIVE_INFINITY],
  ] as const)
    await assert.rejects(disksOf('freespace', size, limit), { code: 'IPFS_REFUSED' })
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

test('pins are counted once they are listed, and fewer are better', async () => {
  const read = (pinnedCount: number | undefined) =>
    numpinInformer({ pinnedCount }, { ttlMs }).read({ signal })
  assert.deepEqual(await read(undefined), [])
  assert.deepEqual(told((await read(7))[0]), ['numpin', '7', -7, true])
})

test('the weight is what the operator says', async () => {
  const [measure] = await weightInformer({ weight: 2.5, ttlMs }).read({ signal })
  assert.deepEqual(told(measure), ['weight', '2.5', 2.5, true])
})

const SECTIONS = {
  disk: { metric_ttl: '30s', metric_type: 'freespace', filesystem_path: '' },
  tags: { metric_ttl: '1ns', tags: { group: 'a' } },
  pinqueue: { metric_ttl: '0s', weight_bucket_size: 1 },
  numpin: { metric_ttl: '24h' },
  weight: { metric_ttl: '30s', weight: -1e15 },
} as const

test('every value lives long enough to outlast a lost heartbeat, and is one that others take', async () => {
  for (const [intervalMs, diskMs] of [
    [2000, 30_000],
    [15_000, 60_000],
  ] as const) {
    const config = toInformersConfig(SECTIONS, intervalMs)
    assert.equal(config.disk?.ttlMs, diskMs)
    const parts = { ...stat(1, 2), tracker: { queueLength: 3, pinnedCount: 4 } }
    for (const informer of configuredInformers(parts, config)) {
      for (const measure of await informer.read({ signal })) {
        assert.ok(isSendable(measure), measure.name)
        // It is measured again at half of that, and one heartbeat behind it may get lost.
        assert.ok(measure.ttlMs / 2 >= 2 * intervalMs, measure.name)
      }
    }
  }
})

test('what no heartbeat could carry is refused at the start', () => {
  const refused = (sections: object, message: RegExp) =>
    assert.throws(() => toInformersConfig({ ...SECTIONS, ...sections }, 2000), {
      code: 'CONFIG_INVALID',
      message,
    })
  refused(
    { disk: { ...SECTIONS.disk, metric_ttl: '25h' } },
    /^informer\.disk\.metric_ttl is longer than 24h: 25h$/,
  )
  const tags = Object.fromEntries(Array.from({ length: 20 }, (_, at) => [`t${at}`, 'x'.repeat(1000)]))
  refused(
    { tags: { metric_ttl: '30s', tags } },
    /informer\.tags\.tags has 20050 characters in all, at most 16384/,
  )
  refused({ tags: { metric_ttl: '30s', tags: { a: '\ud800' } } }, /half of a surrogate pair/)
})

test('only informers that are configured run', () => {
  const parts = { ...stat(0, 0), tracker: { queueLength: 0, pinnedCount: 0 } }
  const disk = { metric: 'freespace', filesystemPath: '', ttlMs } as const
  const none = { disk: undefined, tags: undefined, pinqueue: undefined, numpin: undefined, weight: undefined }
  const names = (config: Parameters<typeof configuredInformers>[1]) =>
    configuredInformers(parts, config).map(({ name }) => name)
  assert.deepEqual(names(none), [])
  assert.deepEqual(names({ ...none, disk, tags: { tags: {}, ttlMs }, pinqueue: { bucketSize: 1, ttlMs } }), [
    'disk',
    'tags',
    'pinqueue',
  ])
})
