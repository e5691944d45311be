import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cidOf, collect, openPeers } from '../../test/support/cluster-peers.ts'
import { NO_OPTIONS, type PinOptions } from '../model/pin.ts'

const signal = new AbortController().signal
const asked = (options: Partial<PinOptions> = {}) => ({ ...NO_OPTIONS, ...options, signal })
const refusal = (code: string, message: string) => ({ name: 'ClusterError', code, message })

test('a pin that says nothing is kept by every peer', async () => {
  await using peers = await openPeers(3)
  const cid = await cidOf('a')
  const pin = await peers.first.cluster.pin(cid, asked({ name: 'a' }))
  assert.deepEqual([pin.replicationMin, pin.replicationMax, pin.allocations], [-1, -1, []])
  assert.equal((await peers.first.cluster.allocation(cid)).name, 'a')
})

test('replication that the cluster sets is used one by one, and peers are chosen by metric', async () => {
  await using peers = await openPeers(4, { replication: { min: 2, max: 3 } })
  const ids = peers.peers.map(({ id }) => id)
  const pin = await peers.first.cluster.pin(await cidOf('a'), asked({ replicationMin: 1 }))
  assert.deepEqual([pin.replicationMin, pin.replicationMax], [1, 3])
  assert.deepEqual(pin.allocations, ids.slice(0, 3))
})

test('peers that the user asks for come first, are echoed and not stored', async () => {
  await using peers = await openPeers(3)
  const wished = peers.peers[2]?.id ?? ''
  const cid = await cidOf('a')
  const options = asked({ replicationMin: 1, replicationMax: 1, userAllocations: [wished] })
  const pin = await peers.first.cluster.pin(cid, options)
  assert.deepEqual([pin.allocations, pin.userAllocations], [[wished], [wished]])
  assert.deepEqual((await peers.first.cluster.allocation(cid)).userAllocations, [])
})

test('pinning again what is pinned the same way writes nothing and answers what is stored', async () => {
  await using peers = await openPeers(3)
  const cid = await cidOf('a')
  const options = asked({ replicationMin: 1, replicationMax: 2, name: 'n', metadata: { b: '1', a: '2' } })
  await peers.first.cluster.pin(cid, options)
  await peers.clock.advance(5000)
  const again = await peers.first.cluster.pin(cid, { ...options, metadata: { a: '2', b: '1' } })
  assert.equal(peers.consensus.writesCount, 1)
  assert.deepEqual(again, await peers.consensus.get(cid))
  await peers.first.cluster.pin(cid, { ...options, name: 'other' })
  assert.equal(peers.consensus.writesCount, 2)
})

test('replication that makes no sense is refused in the words that clients know', async () => {
  await using peers = await openPeers(2)
  const cid = await cidOf('a')
  const pinWith = (replicationMin: number, replicationMax: number) =>
    peers.first.cluster.pin(cid, asked({ replicationMin, replicationMax }))
  await assert.rejects(pinWith(3, 1), refusal('REFUSED', 'cluster.replication_factor_min is larger than max'))
  await assert.rejects(pinWith(-2, -2), refusal('REFUSED', 'cluster.replication_factor_min is wrong'))
  await assert.rejects(
    pinWith(-1, 2),
    refusal('REFUSED', 'cluster.replication_factor_min and max must be -1 when one of them is'),
  )
  await assert.rejects(pinWith(5, 5), { code: 'NOT_ENOUGH_PEERS' })
  assert.equal(peers.consensus.pinsCount, 0)
})

test('an expiry in the past is refused', async () => {
  await using peers = await openPeers(1)
  await assert.rejects(
    peers.first.cluster.pin(await cidOf('a'), asked({ expireAtMs: peers.clock.now() - 1 })),
    refusal('REFUSED', 'pin.ExpireAt set before current time'),
  )
})

test('direct may become recursive, recursive not direct, and a sharded root nothing else', async () => {
  await using peers = await openPeers(1)
  const { cluster } = peers.first
  const cid = await cidOf('a')
  assert.equal((await cluster.pin(cid, asked({ mode: 'direct' }))).maxDepth, 0)
  assert.equal((await cluster.pin(cid, asked())).maxDepth, -1)
  await assert.rejects(
    cluster.pin(cid, asked({ mode: 'direct' })),
    refusal(
      'REFUSED',
      'cannot repin a CID which is already pinned in recursive mode (new pin is pinned as direct). Unpin it first.',
    ),
  )
  const pin = await cluster.allocation(cid)
  await peers.consensus.put([{ ...pin, type: 'meta-pin' }], { signal })
  await assert.rejects(
    cluster.pin(cid, asked()),
    refusal(
      'REFUSED',
      'cannot repin CID with different tracking method, clear state with pin rm to proceed. New: pin. Was: meta-pin',
    ),
  )
})

test('options beyond their bounds are refused', async () => {
  await using peers = await openPeers(1)
  await assert.rejects(peers.first.cluster.pin(await cidOf('a'), asked({ name: 'x'.repeat(5000) })), {
    code: 'INVALID_ARGUMENT',
  })
})

test('a follower writes nothing', async () => {
  await using peers = await openPeers(2, { isFollower: true })
  const { cluster } = peers.first
  const text = 'this peer is configured to be in follower mode. Write operations are disabled'
  const cid = await cidOf('a')
  await assert.rejects(cluster.pin(cid, asked()), refusal('READ_ONLY', text))
  await assert.rejects(cluster.unpin(cid, { signal }), refusal('READ_ONLY', text))
  await assert.rejects(cluster.pinPath('/ipns/x', asked()), refusal('READ_ONLY', text))
})

test('pins go to trusted peers only where that is set, and to the others only where that is set', async () => {
  for (const allocateTo of ['trusted', 'untrusted'] as const) {
    await using peers = await openPeers(4, { allocateTo })
    const ids = peers.peers.map(({ id }) => id)
    for (const id of ids.slice(2)) peers.consensus.untrusted.add(id)
    const pin = await peers.first.cluster.pin(
      await cidOf('a'),
      asked({ replicationMin: 1, replicationMax: 4 }),
    )
    assert.deepEqual(pin.allocations, allocateTo === 'trusted' ? ids.slice(0, 2) : ids.slice(2))
  }
})

test('an update copies the entry, with a new name and a later expiry only', async () => {
  await using peers = await openPeers(3)
  const { cluster } = peers.first
  const [from, to] = [await cidOf('a'), await cidOf('b')]
  const options = asked({ name: 'a', replicationMin: 1, replicationMax: 2, metadata: { k: 'v' } })
  const source = await cluster.pin(from, options)
  const wished = [peers.peers[2]?.id ?? '']
  const update = { name: 'b', pinUpdate: from, replicationMin: 1, replicationMax: 1, userAllocations: wished }
  const pin = await cluster.pin(to, asked(update))
  assert.deepEqual(pin.allocations, source.allocations)
  assert.deepEqual([pin.name, pin.replicationMax, pin.metadata, pin.pinUpdate], ['b', 2, { k: 'v' }, from])
  const writes = peers.consensus.writesCount
  await cluster.pin(to, asked(update))
  assert.equal(peers.consensus.writesCount, writes)
})

test('an update from what is not pinned, or not content, is refused', async () => {
  await using peers = await openPeers(1)
  const { cluster } = peers.first
  const [from, to] = [await cidOf('a'), await cidOf('b')]
  await assert.rejects(
    cluster.pin(to, asked({ pinUpdate: from })),
    refusal('NOT_FOUND', 'pin is not part of the pinset'),
  )
  const pin = await cluster.pin(from, asked())
  await peers.consensus.put([{ ...pin, type: 'meta-pin' }], { signal })
  await assert.rejects(
    cluster.pin(to, asked({ pinUpdate: from })),
    refusal('REFUSED', 'this pin type cannot be updated'),
  )
})

test('an entry that came from an update is placed anew by its own options, its source gone', async () => {
  await using peers = await openPeers(3)
  const { cluster } = peers.first
  const [from, to] = [await cidOf('a'), await cidOf('b')]
  await cluster.pin(from, asked())
  const updated = await cluster.pin(to, asked({ pinUpdate: from }))
  await cluster.unpin(from, { signal })
  const { pinUpdate: _source, ...options } = updated
  const placed = await cluster.pin(to, asked({ ...options, replicationMin: 2, replicationMax: 2 }))
  assert.equal(placed.allocations.length, 2)
})

test('a bare path is not sent to IPFS, a deeper one is resolved there', async () => {
  await using peers = await openPeers(1)
  const { cluster } = peers.first
  const [bare, deep] = [await cidOf('a'), await cidOf('b')]
  peers.first.paths.set(`/ipfs/${bare}/file`, deep)
  peers.first.ipfs = 'down'
  assert.ok((await cluster.pinPath(`/ipfs/${bare}`, asked())).cid.equals(bare))
  await assert.rejects(cluster.pinPath(`/ipfs/${bare}/file`, asked()), { code: 'IPFS_UNAVAILABLE' })
  peers.first.ipfs = 'up'
  assert.ok((await cluster.pinPath(`/ipfs/${bare}/file`, asked())).cid.equals(deep))
  assert.ok((await cluster.unpinPath(`/ipfs/${bare}/file`, { signal })).cid.equals(deep))
  assert.equal((await collect(cluster.allocations({}, { signal }))).length, 1)
})
