import assert from 'node:assert/strict'
import test from 'node:test'
import { identityOf, SimPeer } from './peer.ts'
import { HONEST, planOf, World } from './world.ts'

test('putting a disk back to a backup that was never made leaves the daemon as it is', async () => {
  const seed = 43
  const world = new World(planOf(seed), HONEST)
  const peer = new SimPeer(world, 0, new Set([identityOf(seed, 0).id]))
  void peer.boot()
  await world.clock.advance(1000)
  const { running } = peer
  assert.ok(running)

  assert.equal(await peer.restore(), false)
  assert.equal(peer.isOn, true)
  assert.equal(peer.running, running)

  peer.disk.backUp()
  assert.equal(await peer.restore(), true)
  assert.equal(peer.running, undefined)
})
