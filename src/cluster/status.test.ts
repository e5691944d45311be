import assert from 'node:assert/strict'
import { test } from 'node:test'
import { byCid, cidOf, collect, openPeers, type TestPeers } from '../../test/support/cluster-peers.ts'
import { type Cid, cidKey } from '../model/cid.ts'
import { NO_OPTIONS } from '../model/pin.ts'
import type { GlobalPinInfo } from '../model/pin-status.ts'

const signal = new AbortController().signal
const everywhere = { local: false, signal }
const here = { local: true, signal }

function statusesOf(peers: TestPeers, info: GlobalPinInfo | undefined) {
  return peers.peers.map(({ id }) => info?.peers.get(id)?.status)
}

async function pinOn(peers: TestPeers, text: string, copies: number): Promise<Cid> {
  const cid = await cidOf(text)
  await peers.first.cluster.pin(cid, {
    ...NO_OPTIONS,
    name: text,
    replicationMin: copies,
    replicationMax: copies,
    signal,
  })
  return cid
}

test('allocated peers are asked, the others are remote, all under the names of their heartbeats', async () => {
  await using peers = await openPeers(3)
  const cid = await pinOn(peers, 'a', 2)
  const info = await peers.first.cluster.status(cid, everywhere)
  assert.deepEqual(statusesOf(peers, info), ['pinned', 'pinned', 'remote'])
  const last = info.peers.get(peers.peers[2]?.id ?? '')
  assert.deepEqual(
    [last?.peername, last?.ipfsPeerId, last?.timestampMs],
    ['peer2', 'ipfs2', peers.clock.now()],
  )
  assert.deepEqual(last?.ipfsPeerAddresses, ['/ip4/127.0.0.1/tcp/4003'])
  assert.equal(info.pin?.name, 'a')
})

test('what is not in the pinset is unpinned everywhere; asked locally it has no time', async () => {
  await using peers = await openPeers(2)
  const cid = await cidOf('a')
  const info = await peers.first.cluster.status(cid, everywhere)
  assert.deepEqual(statusesOf(peers, info), ['unpinned', 'unpinned'])
  assert.equal(info.createdMs, peers.clock.now())
  const local = await peers.first.cluster.status(cid, here)
  assert.deepEqual([local.createdMs, local.peers.size, local.pin], [0, 1, undefined])
})

test('a peer that does not answer is in error, one that refuses is left out', async () => {
  await using peers = await openPeers(3)
  const cid = await pinOn(peers, 'a', 3)
  const [, second, third] = peers.peers
  assert.ok(second !== undefined && third !== undefined)
  second.answers = 'unreachable'
  third.answers = 'forbidden'
  const info = await peers.first.cluster.status(cid, everywhere)
  assert.deepEqual(statusesOf(peers, info), ['pinned', 'cluster_error', undefined])
  assert.match(info.peers.get(second.id)?.error ?? '', /is not reached/)
  assert.equal(info.peers.get(second.id)?.peername, 'peer1')
})

test('a peer that keeps content but is gone from the cluster shows as an error', async () => {
  await using peers = await openPeers(1)
  const cid = await pinOn(peers, 'a', 1)
  const pin = await peers.first.cluster.allocation(cid)
  await peers.consensus.put([{ ...pin, allocations: ['gone'] }], { signal })
  const info = await peers.first.cluster.status(cid, everywhere)
  assert.equal(info.peers.get('gone')?.status, 'cluster_error')
  assert.equal(info.peers.get(peers.first.id)?.status, 'remote')
})

test('a follower speaks for itself only', async () => {
  await using peers = await openPeers(2, { isFollower: true })
  const cid = await cidOf('a')
  await peers.peers[1]?.cluster.pin(cid, { ...NO_OPTIONS, signal })
  assert.deepEqual(statusesOf(peers, await peers.first.cluster.status(cid, everywhere)), [
    'pinned',
    undefined,
  ])
  const [info] = await collect(peers.first.cluster.statuses(undefined, everywhere))
  assert.deepEqual(statusesOf(peers, info), ['pinned', undefined])
})

test('a listing has every CID once, in order, with what every peer says of it', async () => {
  await using peers = await openPeers(3)
  for (let at = 0; at < 50; at++) await pinOn(peers, `pin ${at}`, 2)
  const infos = await collect(peers.first.cluster.statuses(undefined, everywhere))
  assert.equal(infos.length, 50)
  assert.deepEqual(infos, [...infos].sort(byCid))
  for (const info of infos) assert.deepEqual(statusesOf(peers, info), ['pinned', 'pinned', 'remote'])
  assert.match(infos[0]?.pin?.name ?? '', /^pin/)
})

test('a filter shows the peers that match, and the CIDs that have one', async () => {
  await using peers = await openPeers(3)
  const bad = await pinOn(peers, 'a', 2)
  await pinOn(peers, 'b', 2)
  peers.peers[1]?.statuses.set(cidKey(bad), 'pin_error')
  const infos = await collect(peers.first.cluster.statuses(new Set(['pin_error']), everywhere))
  assert.equal(infos.length, 1)
  assert.ok(infos[0]?.cid.equals(bad))
  assert.deepEqual(statusesOf(peers, infos[0]), [undefined, 'pin_error', undefined])
})

test('in a listing a failing peer is in error on what the others say, this one included', async () => {
  await using peers = await openPeers(3)
  await pinOn(peers, 'a', 3)
  const [first, second, third] = peers.peers
  assert.ok(first !== undefined && second !== undefined && third !== undefined)
  first.ipfs = 'down'
  second.answers = 'unreachable'
  const infos = await collect(first.cluster.statuses(undefined, everywhere))
  assert.deepEqual(statusesOf(peers, infos[0]), ['cluster_error', 'cluster_error', 'pinned'])
  third.answers = 'forbidden'
  second.answers = 'yes'
  const others = await collect(first.cluster.statuses(undefined, everywhere))
  assert.deepEqual(statusesOf(peers, others[0]), ['cluster_error', 'pinned', undefined])
})

test('a listing that no peer can give is an error, not an empty list', async () => {
  await using peers = await openPeers(2)
  await pinOn(peers, 'a', 2)
  for (const peer of peers.peers) peer.ipfs = 'down'
  await assert.rejects(collect(peers.first.cluster.statuses(undefined, everywhere)), {
    code: 'IPFS_UNAVAILABLE',
  })
  await assert.rejects(collect(peers.first.cluster.statuses(undefined, here)), { code: 'IPFS_UNAVAILABLE' })
})

test('recovering tries again on the peers in error and answers with their state', async () => {
  await using peers = await openPeers(3)
  const cid = await pinOn(peers, 'a', 2)
  peers.peers[1]?.statuses.set(cidKey(cid), 'pin_error')
  const info = await peers.first.cluster.recover(cid, everywhere)
  assert.deepEqual(statusesOf(peers, info), ['pinned', 'pin_queued', 'remote'])
  const unknown = await cidOf('unknown')
  const not = await peers.first.cluster.recover(unknown, everywhere)
  assert.deepEqual(statusesOf(peers, not), ['unpinned', 'unpinned', 'unpinned'])
  await assert.rejects(peers.first.cluster.recover(unknown, here), { code: 'NOT_FOUND' })
})

test('recovering everything answers with what was queued and by whom', async () => {
  await using peers = await openPeers(3)
  const cid = await pinOn(peers, 'a', 3)
  await pinOn(peers, 'b', 3)
  assert.deepEqual(await collect(peers.first.cluster.recoverAll(everywhere)), [])
  for (const peer of peers.peers.slice(1)) peer.statuses.set(cidKey(cid), 'pin_error')
  const infos = await collect(peers.first.cluster.recoverAll(everywhere))
  assert.equal(infos.length, 1)
  assert.deepEqual(statusesOf(peers, infos[0]), [undefined, 'pin_queued', 'pin_queued'])
  assert.deepEqual(await collect(peers.first.cluster.recoverAll(here)), [])
})
