import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cidOf, collect, openPeers } from '../../test/support/cluster-peers.ts'
import { numberedCid } from '../../test/support/numbered-cid.ts'
import { ClusterError } from '../errors.ts'
import type { BulkLine, BulkResult, WantedPin } from '../model/bulk.ts'
import type { Cid } from '../model/cid.ts'
import { NO_OPTIONS, type Pin, type PinOptions, toPin } from '../model/pin.ts'

const signal = new AbortController().signal
const options = { signal }
const NOTHING = { replicationMin: 0, replicationMax: 0, allocations: [] }

async function* chunksOf<Wanted>(
  ...chunks: readonly (readonly (Wanted | ClusterError)[])[]
): AsyncIterable<readonly BulkLine<Wanted>[]> {
  let line = 0
  for (const chunk of chunks) yield chunk.map(wanted => ({ line: ++line, cid: undefined, wanted }))
}

function want(cid: Cid, asked: Partial<PinOptions> = {}): WantedPin {
  return { cid, options: { ...NO_OPTIONS, ...asked }, isEntry: false }
}

function outcomes(results: readonly (readonly BulkResult[])[]): readonly string[] {
  return results
    .flat()
    .map(({ line, outcome }) => `${line} ${typeof outcome === 'string' ? outcome : outcome.code}`)
}

test('every line is answered in order, a chunk is one write, and a bad line stops nobody', async () => {
  await using peers = await openPeers(2)
  const { cluster } = peers.first
  const [a, b, c] = [numberedCid(1), numberedCid(2), numberedCid(3)]
  const bad = new ClusterError('INVALID_ARGUMENT', 'not a pin')
  const chunks = chunksOf<WantedPin>(
    [want(a), bad, want(b, { expireAtMs: 1 }), want(c, { replicationMin: 3, replicationMax: 3 })],
    [want(b)],
  )
  assert.deepEqual(outcomes(await collect(cluster.pinMany(chunks, options))), [
    '1 pinned',
    '2 INVALID_ARGUMENT',
    '3 REFUSED',
    '4 NOT_ENOUGH_PEERS',
    '5 pinned',
  ])
  assert.equal(peers.consensus.pinsCount, 2)
  assert.equal(peers.consensus.writesCount, 2)
})

test('many pins are the pins that one by one would be', async () => {
  await using one = await openPeers(3, { replication: { min: 1, max: 2 } })
  const cases: readonly Partial<PinOptions>[] = [
    { name: 'n', metadata: { k: 'v' } },
    { mode: 'direct', replicationMin: -1, replicationMax: -1 },
    { userAllocations: [one.peers[2]?.id ?? ''], expireAtMs: 4_000_000_000_000 },
  ]
  const singles: Pin[] = []
  for (const [at, asked] of cases.entries()) {
    await one.first.cluster.pin(numberedCid(at), { ...NO_OPTIONS, ...asked, signal })
    singles.push(await one.first.cluster.allocation(numberedCid(at)))
    await one.first.cluster.unpin(numberedCid(at), options)
  }
  const wanted = cases.map((asked, at) => want(numberedCid(at), asked))
  await collect(one.first.cluster.pinMany(chunksOf(wanted), options))
  for (const [at, single] of singles.entries())
    assert.deepEqual(await one.first.cluster.allocation(numberedCid(at)), single)
})

test('what a line says goes for the lines behind it, in its chunk and in the next', async () => {
  await using peers = await openPeers(1)
  const { cluster } = peers.first
  const cid = numberedCid(1)
  const chunks = () =>
    chunksOf(
      [want(cid, { name: 'x' }), want(cid, { name: 'x' }), want(cid, { name: 'y' })],
      [want(cid, { name: 'y' }), want(cid, { mode: 'direct' })],
    )
  assert.deepEqual(outcomes(await collect(cluster.pinMany(chunks(), options))), [
    '1 pinned',
    '2 unchanged',
    '3 pinned',
    '4 unchanged',
    '5 REFUSED',
  ])
  assert.equal((await cluster.allocation(cid)).name, 'y')
  const writes = peers.consensus.writesCount
  await collect(cluster.pinMany(chunksOf([want(cid, { name: 'y' })]), options))
  assert.equal(peers.consensus.writesCount, writes)
})

test('an update copies a pin that an earlier line made; an entry that once was updated is placed like any other', async () => {
  await using peers = await openPeers(1)
  const { cluster } = peers.first
  const [a, b, c, d] = [numberedCid(1), numberedCid(2), numberedCid(3), numberedCid(4)]
  const entry = { ...want(d, { pinUpdate: c }), isEntry: true }
  const chunks = chunksOf<WantedPin>([
    want(a, { metadata: { k: 'v' } }),
    want(b, { pinUpdate: a }),
    want(b, { pinUpdate: c }),
    entry,
  ])
  assert.deepEqual(outcomes(await collect(cluster.pinMany(chunks, options))), [
    '1 pinned',
    '2 pinned',
    '3 NOT_FOUND',
    '4 pinned',
  ])
  assert.deepEqual((await cluster.allocation(b)).metadata, { k: 'v' })
  assert.equal((await cluster.allocation(d)).pinUpdate?.equals(c), true)
})

test('unpinning many passes over what is not pinned, and refuses parts of a sharded DAG', async () => {
  await using peers = await openPeers(1)
  const { cluster } = peers.first
  const [a, b, shard] = [numberedCid(1), numberedCid(2), numberedCid(3)]
  await peers.consensus.put([toPin(a), toPin(shard, { type: 'shard-pin' })], options)
  const chunks = chunksOf<Cid>([a, b, shard, a])
  assert.deepEqual(outcomes(await collect(cluster.unpinMany(chunks, options))), [
    '1 removed',
    '2 absent',
    '3 REFUSED',
    '4 absent',
  ])
  assert.equal(peers.consensus.pinsCount, 1)
})

test('an import keeps types, peers and times, and decides only what entries leave open', async () => {
  await using peers = await openPeers(2, { replication: { min: 1, max: 1 } })
  const { cluster } = peers.first
  const [a, b, c] = [await cidOf('a'), await cidOf('b'), await cidOf('c')]
  const foreign = '12D3KooWFBFCDQzAkQSwPZLV883pKdsmb6urQ3sMjfJHUxn5GCVv'
  const kept = toPin(a, {
    type: 'shard-pin',
    maxDepth: 3,
    replicationMin: 1,
    replicationMax: 2,
    allocations: [foreign],
    timestampMs: 5000,
    expireAtMs: 6000,
  })
  const open = toPin(b, { timestampMs: 7000 })
  const wrong = toPin(c, { replicationMin: 3, replicationMax: 1 })
  const results = await collect(
    cluster.importPins(chunksOf([kept, open, wrong, kept]), { ...NOTHING, signal }),
  )
  assert.deepEqual(outcomes(results), ['1 pinned', '2 pinned', '3 REFUSED', '4 unchanged'])
  assert.deepEqual(await cluster.allocation(a), kept)
  assert.deepEqual((await cluster.allocation(b)).allocations, [peers.first.id])
  const changes = { replicationMin: 2, replicationMax: 2, allocations: [peers.first.id], signal }
  await collect(cluster.importPins(chunksOf([kept]), changes))
  const changed = await cluster.allocation(a)
  assert.deepEqual([changed.replicationMin, changed.allocations], [2, [peers.first.id]])
})

test('a write that fails ends it behind the answers to what was written before', async () => {
  await using peers = await openPeers(1)
  const { consensus } = peers
  const failure = new ClusterError('READ_ONLY', 'this peer takes no writes')
  const put = consensus.put.bind(consensus)
  let puts = 0
  consensus.put = (pins, given) => (++puts > 2 ? Promise.reject(failure) : put(pins, given))
  const chunks = chunksOf(...Array.from({ length: 9 }, (_, at) => [want(numberedCid(at))]))
  const lines: number[] = []
  await assert.rejects(async () => {
    for await (const chunk of peers.first.cluster.pinMany(chunks, options)) {
      for (const { line } of chunk) lines.push(line)
    }
  }, failure)
  assert.deepEqual(lines, [1, 2])
  assert.equal(consensus.pinsCount, 2)
})

test('a follower takes none of it', async () => {
  await using peers = await openPeers(1, { isFollower: true })
  const { cluster } = peers.first
  const refused = { code: 'READ_ONLY' }
  await assert.rejects(collect(cluster.pinMany(chunksOf<WantedPin>([]), options)), refused)
  await assert.rejects(collect(cluster.unpinMany(chunksOf<Cid>([]), options)), refused)
  await assert.rejects(
    async () => collect(cluster.importPins(chunksOf<Pin>([]), { ...NOTHING, signal })),
    refused,
  )
})
