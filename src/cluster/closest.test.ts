import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { cidOf } from '../../test/support/cluster-peers.ts'
import { numberedCid } from '../../test/support/numbered-cid.ts'
import { createIdentity } from '../model/identity.ts'
import { makeClosest, makeRank } from './closest.ts'

const PEERS = Array.from({ length: 7 }, () => createIdentity().id)

test('every peer chooses the same one, whatever the order in which it knows them', async () => {
  const cid = await cidOf('a')
  const chosen = makeClosest(PEERS)(cid)
  fc.assert(
    fc.property(fc.shuffledSubarray(PEERS, { minLength: PEERS.length }), peers => {
      assert.equal(makeClosest(peers)(cid), chosen)
    }),
  )
})

test('when a peer goes, only what it was chosen for moves', async () => {
  const before = makeClosest(PEERS)
  const after = makeClosest(PEERS.slice(1))
  for (let at = 0; at < 100; at++) {
    const cid = await cidOf(`${at}`)
    if (before(cid) !== PEERS[0]) assert.equal(after(cid), before(cid))
  }
})

test('the work is spread evenly, and without peers there is nobody', async () => {
  const counts = new Map(PEERS.map(peer => [peer, 0]))
  const closest = makeClosest(PEERS)
  for (let at = 0; at < 7000; at++) {
    const peer = closest(numberedCid(at)) ?? ''
    counts.set(peer, (counts.get(peer) ?? 0) + 1)
  }
  for (const count of counts.values()) assert.ok(count > 500 && count < 1600, `${count} of 7,000`)
  assert.equal(makeClosest([])(await cidOf('a')), undefined)
})

test('exactly one peer has rank 0, the chosen one, and the ranks are all different', () => {
  const closest = makeClosest(PEERS)
  for (let at = 0; at < 100; at++) {
    const ranks = PEERS.map(peer => makeRank(PEERS, peer)(numberedCid(at)))
    assert.deepEqual(new Set(ranks), new Set([0, 1, 2, 3, 4, 5, 6]))
    assert.equal(PEERS[ranks.indexOf(0)], closest(numberedCid(at)))
  }
})
