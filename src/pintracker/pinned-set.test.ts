import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { numberedCid } from '../../test/support/numbered-cid.ts'
import { seededRandom } from '../../test/support/seeded-random.ts'
import type { PinMode } from '../model/pin.ts'
import { PinnedSet } from './pinned-set.ts'

const CIDS = Array.from({ length: 400 }, (_, number) => numberedCid(number))
const anyChange = fc.record({
  at: fc.nat(CIDS.length - 1),
  mode: fc.constantFrom<PinMode | undefined>('recursive', 'direct', undefined),
})

const cidAt = (at: number) => CIDS[at] ?? numberedCid(at)

test('holds exactly what a Map holds after the same changes', () => {
  fc.assert(
    fc.property(fc.array(anyChange, { maxLength: 3000, size: 'max' }), fc.nat(), (changes, seed) => {
      const set = new PinnedSet(seededRandom(seed))
      const model = new Map<number, PinMode>()
      for (const { at, mode } of changes) {
        if (mode === undefined) set.delete(cidAt(at))
        else set.add(cidAt(at), mode)
        if (mode === undefined) model.delete(at)
        else model.set(at, mode)
      }
      assert.equal(set.size, model.size)
      CIDS.forEach((cid, at) => {
        assert.equal(set.mode(cid), model.get(at), `CID ${at}`)
      })
    }),
    { numRuns: 50 },
  )
})

test('a whole listing leaves what it showed and what was added meanwhile', () => {
  fc.assert(
    fc.property(
      fc.subarray([...CIDS.keys()]),
      fc.subarray([...CIDS.keys()]),
      fc.nat(),
      (old, shown, added) => {
        const set = new PinnedSet(seededRandom(1))
        for (const at of old) set.add(cidAt(at), 'direct')
        set.beginListing()
        set.add(cidAt(added % CIDS.length), 'recursive')
        for (const at of shown) set.add(cidAt(at), 'recursive')
        set.endListing()
        const expected = new Set([...shown, added % CIDS.length])
        assert.equal(set.size, expected.size)
        for (const at of CIDS.keys()) {
          assert.equal(set.mode(cidAt(at)), expected.has(at) ? 'recursive' : undefined)
        }
      },
    ),
  )
})

test('a listing that breaks off takes nothing away, and does not spoil the next one', () => {
  const set = new PinnedSet(seededRandom(1))
  for (const cid of CIDS) set.add(cid, 'recursive')
  set.beginListing()
  for (const cid of CIDS.slice(0, 100)) set.add(cid, 'recursive')
  set.abandonListing()
  assert.equal(set.size, CIDS.length)
  set.beginListing()
  for (const cid of CIDS.slice(300)) set.add(cid, 'recursive')
  set.endListing()
  assert.equal(set.size, 100)
  assert.equal(set.mode(cidAt(0)), undefined)
  assert.equal(set.mode(cidAt(399)), 'recursive')
})

test('a pin takes no more than 22 bytes once there are many', () => {
  const set = new PinnedSet(seededRandom(1))
  for (let number = 0; number < 50_000; number += 1) set.add(numberedCid(number), 'recursive')
  assert.equal(set.size, 50_000)
  assert.ok(set.sizeBytes / set.size <= 22, `${set.sizeBytes / set.size} bytes`)
})
