import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cidOf, collect, fileEntry, openPeers, type TestPeers } from '../../test/support/cluster-peers.ts'
import { PLAIN_ADD } from '../../test/support/plain-add.ts'
import type { AddEntry, AddParams } from '../model/add.ts'
import { cidKey } from '../model/cid.ts'
import { NO_OPTIONS, type PinOptions } from '../model/pin.ts'

const signal = new AbortController().signal

async function* entriesOf(...entries: readonly AddEntry[]): AsyncGenerator<AddEntry> {
  yield* entries
}

function add(
  peers: TestPeers,
  entry: AddEntry,
  options: Partial<PinOptions> = {},
  params: Partial<AddParams> = {},
) {
  const pin = { ...NO_OPTIONS, ...options }
  return collect(peers.first.cluster.add(entriesOf(entry), { ...PLAIN_ADD, ...params }, pin, { signal }))
}

const copies = (count: number) => ({ replicationMin: count, replicationMax: count })
const blockCounts = (peers: TestPeers) => peers.peers.map(({ blocks }) => blocks.size)
const idsOf = (peers: TestPeers) => peers.peers.map(({ id }) => id)

test('blocks are on the allocated peers before the root is pinned to them and told last', async () => {
  await using peers = await openPeers(3)
  const records = await add(peers, fileEntry('f', 'one', 'two', 'three'), { ...copies(2), name: 'file' })
  const root = await cidOf('three')
  assert.deepEqual(blockCounts(peers), [3, 3, 0])
  assert.ok(records.at(-1)?.cid?.equals(root))
  assert.deepEqual(
    records.map(({ allocations }) => allocations),
    Array(3).fill(idsOf(peers).slice(0, 2)),
  )
  const pin = await peers.first.cluster.allocation(root)
  assert.deepEqual([pin.name, pin.allocations], ['file', idsOf(peers).slice(0, 2)])
})

test('content for every peer goes to all live peers, and is pinned without allocations', async () => {
  await using peers = await openPeers(3)
  const [record] = await add(peers, fileEntry('f', 'one'))
  assert.deepEqual(record?.allocations, idsOf(peers))
  assert.deepEqual(blockCounts(peers), [1, 1, 1])
  assert.deepEqual((await peers.first.cluster.allocation(await cidOf('one'))).allocations, [])
})

test('added locally, blocks go to this peer only, and it is one of the allocations', async () => {
  await using peers = await openPeers(3)
  const ids = idsOf(peers)
  await add(peers, fileEntry('f', 'one'), copies(1), { local: true })
  assert.deepEqual(blockCounts(peers), [1, 0, 0])
  assert.deepEqual((await peers.first.cluster.allocation(await cidOf('one'))).allocations, [ids[0]])
  await add(peers, fileEntry('f', 'two'), { ...copies(1), userAllocations: [ids[2] ?? ''] }, { local: true })
  assert.deepEqual(blockCounts(peers), [2, 0, 0])
  assert.deepEqual((await peers.first.cluster.allocation(await cidOf('two'))).allocations, [ids[2]])
})

test('this peer keeps what is added locally also when the allocator would not choose it', async () => {
  await using peers = await openPeers(3, { allocateTo: 'untrusted' })
  const ids = idsOf(peers)
  for (const id of ids.slice(1)) peers.consensus.untrusted.add(id)
  await add(peers, fileEntry('f', 'one'), copies(2), { local: true })
  assert.deepEqual((await peers.first.cluster.allocation(await cidOf('one'))).allocations, [ids[1], ids[0]])
})

test('a peer that fails is dropped with a warning, and does not keep the content when enough others do', async () => {
  await using peers = await openPeers(3)
  const ids = idsOf(peers)
  if (peers.peers[1] !== undefined) peers.peers[1].blocksMax = 1
  await add(peers, fileEntry('f', 'one', 'two', 'three'), { replicationMin: 2, replicationMax: 3 })
  assert.deepEqual(blockCounts(peers), [3, 1, 3])
  const pin = await peers.first.cluster.allocation(await cidOf('three'))
  assert.deepEqual(pin.allocations, [ids[0], ids[2]])
  assert.ok(peers.first.logger.lines.some(({ fields }) => fields['peer'] === ids[1]))
})

test('a peer that fails stays allocated where the others are too few', async () => {
  await using peers = await openPeers(3)
  if (peers.peers[1] !== undefined) peers.peers[1].answers = 'unreachable'
  await add(peers, fileEntry('f', 'one'), copies(3))
  assert.deepEqual((await peers.first.cluster.allocation(await cidOf('one'))).allocations, idsOf(peers))
})

test('when every peer fails nothing is pinned', async () => {
  await using peers = await openPeers(2)
  for (const peer of peers.peers) peer.ipfs = 'down'
  await assert.rejects(add(peers, fileEntry('f', 'one', 'two')), {
    message: 'failed to put block on all destinations: the IPFS node does not answer',
  })
  assert.equal(peers.consensus.pinsCount, 0)
})

test('too few peers, bad options and a follower refuse before anything is read', async () => {
  await using peers = await openPeers(2)
  const unread: AddEntry = {
    kind: 'file',
    path: 'f',
    content: {
      [Symbol.asyncIterator]: () => assert.fail('the content is read'),
    },
  }
  await assert.rejects(add(peers, unread, copies(3)), { code: 'NOT_ENOUGH_PEERS' })
  await assert.rejects(add(peers, unread, { replicationMin: 3, replicationMax: 1 }), { code: 'REFUSED' })
  await assert.rejects(add(peers, unread, { expireAtMs: 1 }), { code: 'REFUSED' })
  await using followers = await openPeers(1, { isFollower: true })
  await assert.rejects(add(followers, unread), { code: 'READ_ONLY' })
})

test('without pinning, blocks are put and nothing else', async () => {
  await using peers = await openPeers(2)
  await add(peers, fileEntry('f', 'one'), {}, { noPin: true })
  assert.deepEqual(blockCounts(peers), [1, 1])
  assert.equal(peers.consensus.pinsCount, 0)
})

test('an upload without content is refused', async () => {
  await using peers = await openPeers(1)
  await assert.rejects(add(peers, { kind: 'directory', path: 'd' }), { code: 'INVALID_ARGUMENT' })
})

test('an upload whose content breaks off pins nothing and leaves no stream open', async () => {
  await using peers = await openPeers(2)
  const content = async function* () {
    yield new TextEncoder().encode('one')
    throw new Error('connection reset')
  }
  await assert.rejects(add(peers, { kind: 'file', path: 'f', content: content() }), /connection reset/)
  assert.equal(peers.consensus.pinsCount, 0)
})

test('a stopped upload ends with the reason, also while a peer takes no blocks', async () => {
  await using peers = await openPeers(2)
  if (peers.peers[1] !== undefined) peers.peers[1].answers = 'never'
  const stopping = new AbortController()
  const chunks = Array.from({ length: 64 }, (_, at) => String(at).repeat(100_000))
  const adding = collect(
    peers.first.cluster.add(entriesOf(fileEntry('f', ...chunks)), PLAIN_ADD, NO_OPTIONS, {
      signal: stopping.signal,
    }),
  )
  const rejected = assert.rejects(adding, /client went away/)
  while (peers.first.blocks.size === 0) await new Promise(resolve => setImmediate(resolve))
  stopping.abort(new Error('client went away'))
  await rejected
  assert.equal(peers.consensus.pinsCount, 0)
})

test('a peer that takes no blocks holds up the upload for a minute at most', async () => {
  await using peers = await openPeers(2)
  if (peers.peers[1] !== undefined) peers.peers[1].answers = 'never'
  const chunks = Array.from({ length: 64 }, (_, at) => String(at).repeat(100_000))
  const adding = add(peers, fileEntry('f', ...chunks), { replicationMin: 1, replicationMax: 2 })
  const before = peers.clock.now()
  const state = { isDone: false }
  const done = adding.finally(() => {
    state.isDone = true
  })
  while (!state.isDone) await peers.clock.advance(1000)
  await done
  assert.ok(peers.clock.now() - before <= 61_000)
  assert.equal(peers.first.blocks.size, 64)
  const pin = await peers.first.cluster.allocation(await cidOf(chunks.at(-1) ?? ''))
  assert.deepEqual(pin.allocations, [peers.first.id])
})

test('equal blocks in a row are sent once', async () => {
  await using peers = await openPeers(1)
  await add(peers, fileEntry('f', 'same', 'same', 'same'))
  assert.equal(peers.first.putsCount, 1)
  assert.ok(peers.first.blocks.has(cidKey(await cidOf('same'))))
})
