import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { readdir, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { ByteStore, Ipfs } from '../../src/interfaces.ts'
import { blockKey } from '../../src/ipfs/embedded/block-key.ts'
import { linksOf } from '../../src/ipfs/embedded/dag-links.ts'
import { type Cid, parseCid } from '../../src/model/cid.ts'
import { openLevel } from '../../src/store/level.ts'
import { type MemoryStore, openMemoryStore } from '../../src/store/memory.ts'
import { openNode, temporaryFolder } from '../support/embedded-node.ts'
import { type SampleDag, sampleBytes, sampleFile, streamOf } from '../support/sample-dag.ts'

const CHILD = fileURLToPath(new URL('../support/pinning-child.ts', import.meta.url))

test('every acknowledged pin is there with all its blocks after kill -9, also after collection', async () => {
  await using folder = await temporaryFolder()
  const acknowledged = new Set<string>()
  const unsure = new Set<string>()
  for (let round = 0; round < 3; round++) {
    const lines = await runUntilKilled(folder.path, `crash ${round}`, 60 + 40 * round)
    for (const line of lines) {
      const cid = line.slice(1)
      if (line.startsWith('+')) acknowledged.add(cid)
      else acknowledged.delete(cid)
      if (line.startsWith('?')) unsure.add(cid)
      if (line.startsWith('-')) unsure.delete(cid)
    }
    await using store = await openLevel(join(folder.path, 'pins'))
    await using ipfs = await openNode(folder.path, store, { requestTimeoutMs: 500 })
    for (const when of ['before', 'after'] as const) {
      if (when === 'after') await collect(ipfs)
      for (const text of acknowledged) {
        assert.equal(await ipfs.pinned(parseCid(text), limit()), 'recursive', `${when} collection`)
        await readWhole(ipfs, parseCid(text))
      }
    }
    for (const cid of (await listing(ipfs)).filter(cid => !acknowledged.has(cid) && !unsure.has(cid))) {
      // Recorded but killed before the line was out: it must be whole, too.
      await readWhole(ipfs, parseCid(cid))
      acknowledged.add(cid)
    }
    const { sizeBytes } = await ipfs.repoStat(limit())
    assert.equal(sizeBytes, await bytesOnDisk(folder.path), 'the size is counted anew after a crash')
  }
  assert.ok(acknowledged.size > 20)
})

test('whichever write of a pin is the last before a power cut, a pin on record is whole and garbage is collected', async () => {
  const dag = await sampleFile(sampleBytes(30_000, 'steps'))
  for (let cutAt = 1; cutAt <= 4; cutAt++) {
    for (const keptShare of [0, 1]) {
      await using folder = await temporaryFolder()
      const before = openMemoryStore()
      const isAcknowledged = await pinUntilCut(folder.path, before, dag, cutAt)
      await using after = before.afterCrash(keptShare)
      await using ipfs = await openNode(folder.path, after, { requestTimeoutMs: 500 })
      const mode = await ipfs.pinned(dag.root, limit())
      if (isAcknowledged) assert.equal(mode, 'recursive')
      await collect(ipfs)
      if (mode === 'recursive') await readWhole(ipfs, dag.root)
      else assert.equal(await bytesOnDisk(folder.path), 0, 'nothing is left of a pin that was not made')
      await ipfs.unpin(dag.root, limit())
      await collect(ipfs)
      assert.equal(await bytesOnDisk(folder.path), 0)
      let entries = 0
      for await (const _ of after.keys({})) entries++
      assert.equal(entries, 0, 'no entry outlives its pin and collection')
    }
  }
})

test('a stored block that was damaged while the node was down is not handed out and not pinned', async () => {
  await using folder = await temporaryFolder()
  const dag = await sampleFile(sampleBytes(5000, 'damage'))
  const store = openMemoryStore()
  {
    await using ipfs = await openNode(folder.path, store)
    await ipfs.putBlocks(streamOf(dag.blocks), limit())
  }
  const [leaf] = dag.blocks
  assert.ok(leaf)
  const key = blockKey(leaf.cid)
  await writeFile(join(folder.path, 'blocks', key.slice(0, 2), key), Buffer.alloc(leaf.bytes.length))
  await using ipfs = await openNode(folder.path, store, { pinTimeoutMs: 300, requestTimeoutMs: 300 })
  await assert.rejects(ipfs.getBlock(leaf.cid, limit()), { code: 'TIMEOUT' })
  await assert.rejects(ipfs.pin(dag.root, 'recursive', limit()), { code: 'TIMEOUT' })
  await ipfs.putBlocks(streamOf([leaf]), limit())
  await ipfs.pin(dag.root, 'recursive', limit())
})

test('a node whose blocks were removed while it was down does not go on saying that it has them', async () => {
  await using folder = await temporaryFolder()
  const store = openMemoryStore()
  const [lost, kept] = [
    await sampleFile(sampleBytes(9000, 'lost')),
    await sampleFile(sampleBytes(9000, 'kept')),
  ]
  for (const gone of ['blocks', join('blocks', blockKey(lost.root).slice(0, 2))]) {
    {
      await using ipfs = await openNode(folder.path, store)
      for (const dag of [lost, kept]) {
        await ipfs.putBlocks(streamOf(dag.blocks), limit())
        await ipfs.pin(dag.root, 'recursive', limit())
      }
    }
    {
      await using ipfs = await openNode(folder.path, store)
      assert.equal(await ipfs.pinned(lost.root, limit()), 'recursive')
    }
    await rm(join(folder.path, gone), { recursive: true })
    await using ipfs = await openNode(folder.path, store, { pinTimeoutMs: 300 })
    assert.deepEqual(await listing(ipfs), [])
    await assert.rejects(ipfs.pin(lost.root, 'recursive', limit()), { code: 'TIMEOUT' })
    if (gone !== 'blocks') await ipfs.pin(kept.root, 'recursive', limit())
  }
})

test('blocks that were put in the grace time are not collected, older ones are', async () => {
  await using folder = await temporaryFolder()
  await using ipfs = await openNode(folder.path, openMemoryStore(), { gcGraceMs: 60_000 })
  const dag = await sampleFile(sampleBytes(5000, 'grace'))
  await ipfs.putBlocks(streamOf(dag.blocks), limit())
  assert.equal(await collect(ipfs), 0)
  const past = Date.now() / 1000 - 120
  for (const path of await files(folder.path)) await utimes(path, past, past)
  const [again] = dag.blocks
  assert.ok(again)
  await ipfs.putBlocks(streamOf([again]), limit())
  assert.equal(await collect(ipfs), dag.blocks.length - 1, 'a block that is put again is young again')
})

test('a full node refuses blocks and says what to do', async () => {
  await using folder = await temporaryFolder()
  await using ipfs = await openNode(folder.path, openMemoryStore(), { storageMaxBytes: 10_000 })
  const dag = await sampleFile(sampleBytes(50_000, 'full'))
  await assert.rejects(ipfs.putBlocks(streamOf(dag.blocks), limit()), {
    code: 'IPFS_FULL',
    message: /storage_max_bytes/,
  })
  const { sizeBytes, storageMaxBytes } = await ipfs.repoStat(limit())
  assert.ok(sizeBytes <= 10_000)
  assert.equal(storageMaxBytes, 10_000)
})

test('an address that is taken is named, with the reason, on one line', async () => {
  await using folder = await temporaryFolder()
  await using ipfs = await openNode(folder.path, openMemoryStore())
  const address = (await ipfs.id(limit())).addresses[0]?.split('/p2p/')[0] ?? ''
  await using other = await temporaryFolder()
  await assert.rejects(openNode(other.path, openMemoryStore(), { listenAddresses: [address] }), {
    code: 'CONFIG_INVALID',
    message: `the embedded IPFS node cannot listen on ${address} (EADDRINUSE): free the port or change ipfs_connector.embedded.listen_multiaddress`,
  })
})

/** Runs the child until it has written so many lines, then kills it. */
async function runUntilKilled(folder: string, seed: string, linesMin: number): Promise<readonly string[]> {
  const child = spawn(process.execPath, [CHILD, folder, seed], { stdio: ['ignore', 'pipe', 'inherit'] })
  let text = ''
  child.stdout.setEncoding('utf8')
  child.stdout.on('data', (chunk: string) => {
    text += chunk
    if (text.split('\n').length > linesMin) child.kill('SIGKILL')
  })
  await new Promise(resolve => child.once('close', resolve))
  const lines = text.split('\n')
  lines.pop()
  assert.ok(lines.length >= linesMin, 'the child worked until it was killed')
  return lines
}

/** Pins on a store that stops taking writes before the batch of that number; answers whether the pin was acknowledged. */
async function pinUntilCut(
  folder: string,
  store: MemoryStore,
  dag: SampleDag,
  cutAt: number,
): Promise<boolean> {
  let batches = 0
  const cutting: ByteStore = {
    get: key => store.get(key),
    getMany: keys => store.getMany(keys),
    batch: async (writes, options) => {
      if (++batches >= cutAt) throw new Error('power cut')
      await store.batch(writes, options)
    },
    entries: range => store.entries(range),
    pages: range => store.pages(range),
    keys: range => store.keys(range),
    sizeBytes: (from, to) => store.sizeBytes(from, to),
    reopen: () => Promise.resolve(),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
  await using ipfs = await openNode(folder, cutting)
  await ipfs.putBlocks(streamOf(dag.blocks), limit())
  return await ipfs.pin(dag.root, 'recursive', limit()).then(
    () => true,
    () => false,
  )
}

async function readWhole(ipfs: Ipfs, cid: Cid): Promise<void> {
  const bytes = await ipfs.getBlock(cid, limit())
  for (const link of linksOf(cid, bytes)) await readWhole(ipfs, link)
}

async function collect(ipfs: Ipfs): Promise<number> {
  let count = 0
  for await (const { error } of ipfs.gc(limit())) {
    assert.equal(error, undefined)
    count++
  }
  return count
}

async function listing(ipfs: Ipfs): Promise<readonly string[]> {
  const cids: string[] = []
  for await (const [cid] of ipfs.allPinned(limit())) cids.push(cid.toString())
  return cids
}

async function files(folder: string): Promise<readonly string[]> {
  const found = await readdir(join(folder, 'blocks'), { recursive: true, withFileTypes: true })
  return found.filter(entry => entry.isFile()).map(entry => join(entry.parentPath, entry.name))
}

async function bytesOnDisk(folder: string): Promise<number> {
  let bytes = 0
  for (const path of await files(folder)) bytes += (await stat(path)).size
  return bytes
}

function limit() {
  return { signal: AbortSignal.timeout(30_000) }
}
