import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openPeers } from '../../test/support/cluster-peers.ts'

const DELAY_MS = 1000
const PASS_MS = 60_000

test('soon after the start the IPFS nodes of the others are connected, this one left out', async () => {
  await using peers = await openPeers(3, { connectSwarmsDelayMs: DELAY_MS })
  await peers.clock.advance(DELAY_MS - 1)
  assert.deepEqual(peers.first.connected, [])
  await peers.clock.advance(1)
  assert.deepEqual(
    new Set(peers.first.connected),
    new Set(['/ip4/127.0.0.1/tcp/4002/p2p/ipfs1', '/ip4/127.0.0.1/tcp/4003/p2p/ipfs2']),
  )
})

test('news of a node is followed once, and many at a time in one go', async () => {
  await using peers = await openPeers(3, { connectSwarmsDelayMs: DELAY_MS })
  await peers.clock.advance(DELAY_MS)
  for (let beats = 0; beats < 5; beats++) {
    for (const { id } of peers.peers) peers.beat(id)
    await peers.clock.advance(DELAY_MS)
  }
  assert.equal(peers.first.connected.length, 4, 'at the start, and at the first heartbeats')
})

test('now and then it looks again, also after its own node was down', async () => {
  await using peers = await openPeers(2, { connectSwarmsDelayMs: DELAY_MS })
  peers.first.ipfs = 'down'
  await peers.clock.advance(DELAY_MS)
  peers.first.ipfs = 'up'
  await peers.clock.advance(PASS_MS)
  assert.equal(peers.first.connected.length, 1)
  await peers.clock.advance(PASS_MS)
  assert.equal(peers.first.connected.length, 2)
  assert.deepEqual(peers.first.logger.lines, [], 'failures are not worth a warning')
})

test('once closed nothing is connected any more', async () => {
  const peers = await openPeers(2, { connectSwarmsDelayMs: DELAY_MS })
  await peers[Symbol.asyncDispose]()
  peers.beat(peers.peers[1]?.id ?? '')
  await peers.clock.advance(PASS_MS)
  assert.deepEqual(peers.first.connected, [])
})
