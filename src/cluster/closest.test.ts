import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { cidOf } from '../../test/support/cluster-peers.ts'
import { createIdentity } from '../model/identity.ts'
import { makeClosest } from './closest.ts'

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

test('the work is spread, and without peers there is nobody', async () => {
  const chosen = new Set<string | undefined>()
  for (let at = 0; at < 200; at++) chosen.add(makeClosest(PEERS)(await cidOf(`${at}`)))
  assert.equal(chosen.size, PEERS.length)
  assert.equal(makeClosest([])(await cidOf('a')), undefined)
})
