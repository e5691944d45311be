import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, suite, test } from 'node:test'
import { base36 } from 'multiformats/bases/base36'
import { CID } from 'multiformats/cid'
import { ClusterError, type Code } from '../../src/errors.ts'
import type { Ipfs } from '../../src/interfaces.ts'
import { concatBytes, equalBytes } from '../../src/lib/bytes.ts'
import { type Cid, parseCid } from '../../src/model/cid.ts'
import type { PinMode } from '../../src/model/pin.ts'
import {
  cborBlock,
  rawBlock,
  sampleBytes,
  sampleFile,
  sampleFolder,
  streamOf,
} from '../support/sample-dag.ts'

/** Two nodes for the suite, not connected to each other, with a pin time-out of at most two seconds and no grace in gc. */
export interface IpfsPair extends AsyncDisposable {
  readonly node: Ipfs
  readonly other: Ipfs
}

const LIMIT_MS = 20_000

/** What every IPFS node keeps to, whatever it is made of. */
export function ipfsContract(name: string, open: () => Promise<IpfsPair>): void {
  suite(`${name} keeps the contract of Ipfs`, () => {
    let pair: IpfsPair
    const node = () => pair.node
    before(async () => {
      pair = await open()
    })
    after(async () => {
      await pair[Symbol.asyncDispose]()
    })
    introduces(node)
    storesBlocks(node)
    pins(node)
    readsFiles(node)
    exchanges(
      () => pair.node,
      () => pair.other,
    )
    collects(node)
  })
}

function introduces(node: () => Ipfs): void {
  test('it says who it is, where, and of which version', async () => {
    const id = await node().id(limit())
    assert.match(id.id ?? '', /^12D3KooW/)
    assert.equal(id.error, '')
    assert.ok(id.addresses.length > 0)
    assert.notEqual(await node().version(limit()), '')
  })

  test('a call whose signal is aborted ends with the reason of the signal', async () => {
    const { cid } = await rawBlock(unique(10))
    const reason = new Error('stopped on purpose')
    const options = { signal: AbortSignal.abort(reason) }
    await assert.rejects(node().pin(cid, 'recursive', options), thrown => thrown === reason)
    await assert.rejects(node().pinned(cid, options), thrown => thrown === reason)
    await assert.rejects(listing(node(), options), thrown => thrown === reason)
  })
}

function storesBlocks(node: () => Ipfs): void {
  test('blocks that were put are there byte for byte, and are not pinned', async () => {
    const leaf = await rawBlock(unique(100))
    const top = await cborBlock({ leaf: leaf.cid })
    const old = await sampleFile(unique(3000), { cidVersion: 0, rawLeaves: false })
    const blocks = [leaf, top, ...old.blocks, await rawBlock(unique(1_000_000))]
    await node().putBlocks(streamOf(blocks), limit())
    for (const { cid, bytes } of blocks) {
      assert.ok(equalBytes(await node().getBlock(cid, limit()), bytes), cid.toString())
      assert.equal(await node().pinned(cid, limit()), undefined)
    }
  })

  test('no blocks at all are put at once', async () => {
    await node().putBlocks(streamOf([]), limit())
  })

  test('two thousand blocks go in one stream', async () => {
    const { root, blocks } = await sampleFile(unique(2_000_000), { chunkBytes: 1000 })
    await node().putBlocks(streamOf(blocks), limit())
    await node().pin(root, 'recursive', limit())
    assert.equal(await node().pinned(root, limit()), 'recursive')
  })

  test('a block whose bytes are not what its name says is refused', async () => {
    const { cid } = await rawBlock(unique(50))
    const blocks = streamOf([await rawBlock(unique(20)), { cid, bytes: unique(50) }])
    await fails('IPFS_REFUSED', node().putBlocks(blocks, limit()))
  })

  test('an error of the source of blocks is the error of the put', async () => {
    const reason = new Error('the source failed')
    const block = await rawBlock(unique(20))
    const source = (async function* () {
      yield block
      throw reason
    })()
    await assert.rejects(node().putBlocks(source, limit()), thrown => thrown === reason)
  })
}

function pins(node: () => Ipfs): void {
  const putFile = async () => {
    const { root, blocks } = await sampleFile(unique(5000))
    await node().putBlocks(streamOf(blocks), limit())
    return { root, leaf: blocks[0]?.cid ?? root, count: blocks.length }
  }

  test('a recursive pin is listed as one, its inner blocks are not pins', async () => {
    const { root, leaf, count } = await putFile()
    const seen: number[] = []
    await node().pin(root, 'recursive', { ...limit(), onProgress: ({ blocks }) => seen.push(blocks) })
    assert.equal(await node().pinned(root, limit()), 'recursive')
    assert.equal(await node().pinned(leaf, limit()), undefined)
    assert.equal((await listing(node(), limit())).get(root.toString()), 'recursive')
    assert.ok(
      seen.every((blocks, at) => blocks > (seen[at - 1] ?? 0)),
      'progress only grows',
    )
    assert.ok((seen.at(-1) ?? 0) <= count)
  })

  test('a direct pin is listed as one', async () => {
    const { root } = await putFile()
    await node().pin(root, 'direct', limit())
    assert.equal(await node().pinned(root, limit()), 'direct')
    assert.equal((await listing(node(), limit())).get(root.toString()), 'direct')
  })

  test('pinning again changes nothing, a direct pin can become recursive, a recursive one not direct', async () => {
    const { root } = await putFile()
    for (const mode of ['direct', 'direct', 'recursive', 'recursive'] as const) {
      await node().pin(root, mode, limit())
      assert.equal(await node().pinned(root, limit()), mode)
    }
    await fails('IPFS_REFUSED', node().pin(root, 'direct', limit()))
    assert.equal(await node().pinned(root, limit()), 'recursive')
  })

  test('what is unpinned is no pin, however often, however it was pinned', async () => {
    for (const mode of ['recursive', 'direct'] as const) {
      const { root } = await putFile()
      await node().unpin(root, limit())
      await node().pin(root, mode, limit())
      await node().unpin(root, limit())
      assert.equal(await node().pinned(root, limit()), undefined)
      await node().unpin(root, limit())
    }
  })

  test('many questions and unpins at the same time get each its own answer', async () => {
    const roots = await Promise.all(
      Array.from({ length: 40 }, async (_, at) => {
        const { root } = await putFile()
        const mode = ([undefined, 'recursive', 'recursive', 'direct'] as const)[at % 4]
        if (mode !== undefined) await node().pin(root, mode, limit())
        return { root, mode }
      }),
    )
    const ask = () => Promise.all(roots.map(({ root }) => node().pinned(root, limit())))
    assert.deepEqual(
      await ask(),
      roots.map(({ mode }) => mode),
    )
    const isKept = (at: number) => at % 5 === 0
    const surplus = roots.filter((_, at) => !isKept(at))
    // One of them twice, and some that are not pinned.
    await Promise.all([...surplus, ...surplus.slice(1, 2)].map(({ root }) => node().unpin(root, limit())))
    assert.deepEqual(
      await ask(),
      roots.map(({ mode }, at) => (isKept(at) ? mode : undefined)),
    )
  })

  test('a CID is the same in any base', async () => {
    const { root } = await putFile()
    await node().pin(parseCid(root.toString(base36)), 'recursive', limit())
    assert.equal(await node().pinned(root, limit()), 'recursive')
  })

  test('a pin that updates another has the new content and leaves the old pinned', async () => {
    const first = await putFile()
    const second = await putFile()
    await node().pin(first.root, 'recursive', limit())
    await node().pin(second.root, 'recursive', { ...limit(), update: first.root })
    assert.equal(await node().pinned(first.root, limit()), 'recursive')
    assert.equal(await node().pinned(second.root, limit()), 'recursive')
  })

  test('a pin of content that nobody has times out, names the CID and pins nothing', async () => {
    const { cid } = await rawBlock(unique(64))
    const error = await fails('TIMEOUT', node().pin(cid, 'recursive', limit()))
    assert.ok(error.message.includes(cid.toString()), error.message)
    assert.equal(await node().pinned(cid, limit()), undefined)
  })

  test('a pin that is stopped while it waits ends with the reason of its signal', async () => {
    const { cid } = await rawBlock(unique(64))
    const stopping = new AbortController()
    const reason = new Error('stopped on purpose')
    const pinning = node().pin(cid, 'recursive', { signal: stopping.signal })
    setTimeout(() => stopping.abort(reason), 50)
    await assert.rejects(pinning, thrown => thrown === reason)
    assert.equal(await node().pinned(cid, limit()), undefined)
  })

  test('the listing holds every pin, once', async () => {
    const cids = new Map<string, PinMode>()
    for (let at = 0; at < 30; at++) {
      const { cid, bytes } = await rawBlock(unique(30))
      await node().putBlocks(streamOf([{ cid, bytes }]), limit())
      const mode = at % 2 === 0 ? 'recursive' : 'direct'
      await node().pin(cid, mode, limit())
      cids.set(cid.toString(), mode)
    }
    const seen: string[] = []
    for await (const [cid, mode] of node().allPinned(limit())) {
      if (cids.get(cid.toString()) === mode) seen.push(cid.toString())
    }
    assert.deepEqual(seen.sort(), [...cids.keys()].sort())
  })
}

function readsFiles(node: () => Ipfs): void {
  test('the bytes of a file come whole and in order', async () => {
    const bytes = unique(100_000)
    const { root, blocks } = await sampleFile(bytes, { chunkBytes: 4096 })
    await node().putBlocks(streamOf(blocks), limit())
    assert.ok(equalBytes(await gather(node().cat(root, limit())), bytes))
  })

  test('a folder is no file', async () => {
    const { root, blocks } = await sampleFolder({ 'a.txt': unique(10), 'b.txt': unique(10) })
    await node().putBlocks(streamOf(blocks), limit())
    await fails('IPFS_REFUSED', gather(node().cat(root, limit())))
  })

  test('paths lead through folders and dag-cbor to CIDs', async () => {
    const folder = await sampleFolder({ 'a/b/c.txt': unique(10), 'd.txt': unique(10) })
    const map = await cborBlock({ to: { the: folder.root } })
    await node().putBlocks(streamOf([...folder.blocks, map]), limit())
    assert.deepEqual(await node().resolve(folder.root.toString(), limit()), folder.root)
    assert.deepEqual(await node().resolve(`/ipfs/${folder.root.toString()}`, limit()), folder.root)
    const file = await node().resolve(`/ipfs/${folder.root.toString()}/a/b/c.txt`, limit())
    assert.ok(folder.blocks.some(block => block.cid.equals(file)))
    assert.ok((await node().resolve(`/ipfs/${map.cid.toString()}/to/the`, limit())).equals(folder.root))
    await fails('IPFS_REFUSED', node().resolve(`/ipfs/${folder.root.toString()}/a/nothing`, limit()))
    await fails('IPFS_REFUSED', node().resolve('/ipns/example.invalid/a', limit()))
  })
}

function exchanges(node: () => Ipfs, other: () => Ipfs): void {
  const onOther = async (mode: PinMode) => {
    const bytes = unique(50_000)
    const { root, blocks } = await sampleFile(bytes, { chunkBytes: 2000 })
    await other().putBlocks(streamOf(blocks), limit())
    await other().pin(root, mode, limit())
    return { root, bytes, blocks }
  }

  test('a pin finds content on the node that is named as its origin', async () => {
    const { root, blocks } = await onOther('recursive')
    const { addresses } = await other().id(limit())
    await node().pin(root, 'recursive', { ...limit(), origins: addresses })
    assert.equal(await node().pinned(root, limit()), 'recursive')
    for (const { cid, bytes } of blocks) {
      assert.ok(equalBytes(await node().getBlock(cid, limit()), bytes))
    }
  })

  test('connected nodes see each other, pin from each other and read from each other', async () => {
    const { id, addresses } = await other().id(limit())
    await node().swarmConnect(addresses[0] ?? '', limit())
    assert.ok((await node().swarmPeers(limit())).includes(id ?? ''))
    const first = await onOther('recursive')
    await node().pin(first.root, 'recursive', limit())
    assert.equal(await node().pinned(first.root, limit()), 'recursive')
    const second = await onOther('recursive')
    assert.ok(equalBytes(await gather(node().cat(second.root, limit())), second.bytes))
  })

  test('a pin that waits goes on when a connected node gets the content', async () => {
    const { id, addresses } = await other().id(limit())
    await node().swarmConnect(addresses[0] ?? '', limit())
    assert.ok((await node().swarmPeers(limit())).includes(id ?? ''))
    const block = await rawBlock(unique(500))
    const pinning = node().pin(block.cid, 'recursive', limit())
    await other().putBlocks(streamOf([block]), limit())
    await pinning
    assert.equal(await node().pinned(block.cid, limit()), 'recursive')
  })

  test('a node that does not answer cannot be connected to', async () => {
    const nobody = '/ip4/127.0.0.1/tcp/1/p2p/12D3KooWEdMBEBQbVQFyzHrHUWkpb79Yxnia1NnfwXzQsE3vLDZX'
    await fails('IPFS_REFUSED', node().swarmConnect(nobody, limit()))
  })
}

function collects(node: () => Ipfs): void {
  test('collection removes what no pin needs and nothing else, and the repository shrinks', async () => {
    const kept = await sampleFile(unique(20_000))
    const direct = await sampleFile(unique(20_000))
    const gone = await sampleFile(unique(20_000))
    for (const { blocks } of [kept, direct, gone]) await node().putBlocks(streamOf(blocks), limit())
    await node().pin(kept.root, 'recursive', limit())
    await node().pin(direct.root, 'direct', limit())
    await node().pin(gone.root, 'recursive', limit())
    await node().unpin(gone.root, limit())
    const sizeBefore = (await node().repoStat(limit())).sizeBytes
    const removed = new Set<string>()
    for await (const { cid, error } of node().gc(limit())) {
      assert.equal(error, undefined)
      if (cid !== undefined) removed.add(nameOf(cid))
    }
    for (const { cid } of gone.blocks) assert.ok(removed.has(nameOf(cid)), 'an unpinned block is removed')
    for (const { cid } of kept.blocks) assert.ok(!removed.has(nameOf(cid)), 'a pinned block stays')
    assert.ok(!removed.has(nameOf(direct.root)), 'a directly pinned block stays')
    assert.ok(
      direct.blocks.every(({ cid }) => cid.equals(direct.root) || removed.has(nameOf(cid))),
      'a direct pin keeps no more than its block',
    )
    for (const { cid, bytes } of kept.blocks)
      assert.ok(equalBytes(await node().getBlock(cid, limit()), bytes))
    const { sizeBytes, storageMaxBytes } = await node().repoStat(limit())
    assert.ok(sizeBytes < sizeBefore, `${sizeBytes} is less than ${sizeBefore}`)
    assert.ok(storageMaxBytes > sizeBytes)
  })
}

/** Bytes that no other test has. */
function unique(length: number): Uint8Array {
  return sampleBytes(length, randomUUID())
}

function limit() {
  return { signal: AbortSignal.timeout(LIMIT_MS) }
}

function nameOf(cid: Cid): string {
  return CID.createV1(0x55, cid.multihash).toString()
}

async function fails(code: Code, promise: Promise<unknown>): Promise<ClusterError> {
  const outcome = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  assert.ok(outcome instanceof ClusterError, `expected ${code}, got ${String(outcome)}`)
  assert.equal(outcome.code, code, outcome.message)
  return outcome
}

async function listing(node: Ipfs, options: { readonly signal: AbortSignal }) {
  const pins = new Map<string, PinMode>()
  for await (const [cid, mode] of node.allPinned(options)) pins.set(cid.toString(), mode)
  return pins
}

async function gather(stream: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  for await (const part of stream) parts.push(part)
  return concatBytes(parts)
}
