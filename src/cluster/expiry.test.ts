import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cidOf, openPeers } from '../../test/support/cluster-peers.ts'
import { NO_OPTIONS, toPin } from '../model/pin.ts'

const signal = new AbortController().signal
const ROUND_MS = 60_000

test('expired pins are unpinned once, by the peer that is responsible, and others stay', async () => {
  await using peers = await openPeers(3)
  const expireAtMs = peers.clock.now() + 10_000
  for (let at = 0; at < 20; at++) {
    const expiry = at % 2 === 0 ? expireAtMs : undefined
    await peers.first.cluster.pin(await cidOf(`${at}`), { ...NO_OPTIONS, expireAtMs: expiry, signal })
  }
  const writes = peers.consensus.writesCount
  await peers.clock.advance(9000)
  assert.equal(peers.consensus.pinsCount, 20)
  await peers.clock.advance(ROUND_MS)
  assert.equal(peers.consensus.pinsCount, 10)
  assert.equal(peers.consensus.writesCount - writes, 10)
})

test('a peer leaves alone what falls to another', async () => {
  await using peers = await openPeers(3)
  for (const { cluster } of peers.peers.slice(1)) await cluster[Symbol.asyncDispose]()
  const expireAtMs = peers.clock.now() + 1000
  for (let at = 0; at < 30; at++) {
    await peers.first.cluster.pin(await cidOf(`${at}`), { ...NO_OPTIONS, expireAtMs, signal })
  }
  await peers.clock.advance(2 * ROUND_MS)
  const left = peers.consensus.pinsCount
  assert.ok(left > 0 && left < 30, `${left} of 30 are left`)
})

test('peers that are not trusted are not counted on', async () => {
  await using peers = await openPeers(3)
  for (const { id, cluster } of peers.peers.slice(1)) {
    peers.consensus.untrusted.add(id)
    await cluster[Symbol.asyncDispose]()
  }
  const expireAtMs = peers.clock.now() + 1000
  for (let at = 0; at < 10; at++) {
    await peers.first.cluster.pin(await cidOf(`${at}`), { ...NO_OPTIONS, expireAtMs, signal })
  }
  await peers.clock.advance(2 * ROUND_MS)
  assert.equal(peers.consensus.pinsCount, 0)
})

test('a follower unpins nothing', async () => {
  await using peers = await openPeers(1, { isFollower: true })
  const cid = await cidOf('a')
  await peers.consensus.put([toPin(cid, { expireAtMs: peers.clock.now() + 1000 })], { signal })
  await peers.clock.advance(2 * ROUND_MS)
  assert.equal(peers.consensus.pinsCount, 1)
})
