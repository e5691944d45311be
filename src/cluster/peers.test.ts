import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cidOf, collect, openPeers } from '../../test/support/cluster-peers.ts'
import { cidKey } from '../model/cid.ts'

const signal = new AbortController().signal

test('a peer says who it is, and how its IPFS node is', async () => {
  await using peers = await openPeers(2)
  const { first } = peers
  const info = await first.cluster.id({ signal })
  assert.deepEqual([info.id, info.peername, info.version], [first.id, 'peer0', '0.0.0'])
  assert.equal(info.rpcProtocolVersion, '/test/rpc')
  assert.deepEqual(
    info.clusterPeers,
    peers.peers.map(({ id }) => id),
  )
  assert.equal(info.clusterPeersAddresses.length, 1)
  assert.deepEqual(info.ipfs, { id: 'ipfs0', addresses: [], error: '' })
  first.ipfs = 'down'
  assert.equal((await first.cluster.id({ signal })).ipfs.error, '', 'kept for a few seconds')
  await peers.clock.advance(3000)
  const later = await first.cluster.id({ signal })
  assert.deepEqual(later.ipfs, { id: undefined, addresses: [], error: 'the IPFS node does not answer' })
})

test('every peer is listed; one that fails comes last with its error, one that refuses not at all', async () => {
  await using peers = await openPeers(4)
  const [first, second, third, fourth] = peers.peers
  assert.ok(first !== undefined && second !== undefined && third !== undefined && fourth !== undefined)
  first.answers = 'unreachable'
  second.answers = 'unreachable'
  third.answers = 'forbidden'
  const infos = await collect(first.cluster.peers({ signal }))
  assert.deepEqual(infos.map(({ id }) => id).sort(), [first.id, second.id, fourth.id].sort())
  assert.equal(infos.at(-1)?.id, second.id)
  assert.match(infos.at(-1)?.error ?? '', /not reached/)
  assert.equal(infos.at(-1)?.peername, '')
})

test('peers that are unreachable or gone are listed last and not asked; those that were removed are not listed', async () => {
  await using peers = await openPeers(4)
  const [first, second, third, fourth] = peers.peers
  assert.ok(first !== undefined && second !== undefined && third !== undefined && fourth !== undefined)
  peers.become(second.id, 'gone')
  peers.become(third.id, 'unreachable')
  peers.become(fourth.id, 'gone')
  await first.cluster.care.remove(fourth.id, { isForced: false, signal })
  const infos = await collect(first.cluster.peers({ signal }))
  assert.deepEqual(
    infos.map(({ id, error }) => [id, error]),
    [
      [first.id, ''],
      [second.id, 'nothing was heard of peer1 since 1970-01-01T00:00:00.001Z: gone'],
      [third.id, 'nothing was heard of peer2 since 1970-01-01T00:00:00.001Z: unreachable'],
    ],
  )
})

test('a peer is added by reaching it', async () => {
  await using peers = await openPeers(2)
  const second = peers.peers[1]
  assert.ok(second !== undefined)
  assert.equal((await peers.first.cluster.addPeer(second.id, { signal })).peername, 'peer1')
  assert.equal((await peers.first.cluster.addPeer(peers.first.id, { signal })).peername, 'peer0')
  second.answers = 'unreachable'
  await assert.rejects(peers.first.cluster.addPeer(second.id, { signal }), { code: 'PEER_UNREACHABLE' })
})

test('garbage is collected peer by peer, and a failure is told of the peer that has it', async () => {
  await using peers = await openPeers(3)
  const cid = await cidOf('a')
  for (const { blocks } of peers.peers) blocks.set(cidKey(cid), { cid, bytes: new Uint8Array(1) })
  if (peers.peers[1] !== undefined) peers.peers[1].ipfs = 'down'
  const results = await collect(peers.first.cluster.gc({ local: false, signal }))
  assert.deepEqual(
    results.map(({ peername }) => peername),
    ['peer0', 'peer1', 'peer2'],
  )
  assert.deepEqual(
    results.map(({ keys }) => keys.length),
    [1, 0, 1],
  )
  assert.deepEqual(
    results.map(({ error }) => error !== ''),
    [false, true, false],
  )
  assert.equal((await collect(peers.first.cluster.gc({ local: true, signal }))).length, 1)
  peers.first.ipfs = 'down'
  await assert.rejects(collect(peers.first.cluster.gc({ local: true, signal })), { code: 'IPFS_UNAVAILABLE' })
})

test('the graph has every peer as a key, and links of those that answer, to peers that are keys', async () => {
  await using peers = await openPeers(4)
  const [first, second, third, fourth] = peers.peers.map(({ id }) => id)
  assert.ok(first !== undefined && second !== undefined && third !== undefined && fourth !== undefined)
  if (peers.peers[1] !== undefined) peers.peers[1].answers = 'unreachable'
  if (peers.peers[2] !== undefined) peers.peers[2].ipfs = 'down'
  peers.consensus.untrusted.add(fourth)
  const graph = await peers.first.cluster.graph({ signal })
  assert.deepEqual([...graph.clusterLinks.keys()], [first, second, third, fourth])
  assert.deepEqual(graph.clusterLinks.get(second), [])
  assert.deepEqual(graph.clusterLinks.get(first), [second, third, fourth])
  assert.deepEqual([...graph.trusted.values()], [true, true, true, false])
  assert.deepEqual([...graph.peernames.values()], ['peer0', 'peer1', 'peer2', 'peer3'])
  assert.deepEqual([...graph.failures.keys()], [second])
  assert.deepEqual([...graph.clusterToIpfs.keys()].sort(), [first, fourth].sort())
  assert.deepEqual(graph.ipfsLinks.get('ipfs0'), [])
  for (const links of graph.clusterLinks.values()) {
    for (const other of links) assert.ok(graph.clusterLinks.has(other))
  }
})

test('a peer that is gone is drawn, not asked and not missing, until it is removed', async () => {
  await using peers = await openPeers(3)
  const [first, second, third] = peers.peers
  assert.ok(first !== undefined && second !== undefined && third !== undefined)
  second.answers = 'never'
  peers.become(second.id, 'gone')
  const graph = await first.cluster.graph({ signal })
  assert.ok(graph.clusterLinks.has(second.id))
  assert.equal(graph.health.get(second.id)?.condition, 'gone')
  assert.ok(!graph.failures.has(second.id))
  const seen = graph.sights.get(third.id)?.find(({ peer }) => peer === second.id)
  assert.equal(seen?.condition, 'gone')
})

test('a peer that takes too long is drawn as one that did not answer, and nobody waits longer for the picture', async () => {
  await using peers = await openPeers(3)
  const [first, second] = peers.peers
  assert.ok(first !== undefined && second !== undefined)
  second.answers = 'never'
  const drawing = first.cluster.graph({ signal })
  await peers.clock.advance(2000)
  const graph = await drawing
  assert.match(graph.failures.get(second.id) ?? '', /did not answer within 1.8 s/)
  assert.deepEqual(graph.clusterLinks.get(second.id), [])
  assert.equal(graph.sights.size, 2)
})

test('metrics and alerts are those of the monitor', async () => {
  await using peers = await openPeers(2)
  const { cluster } = peers.first
  assert.deepEqual(cluster.metricNames(), ['freespace', 'ping'])
  assert.equal(cluster.metrics('freespace').length, 2)
  assert.deepEqual(cluster.alerts(), [])
})
