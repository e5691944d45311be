import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { numberedCid } from '../../test/support/numbered-cid.ts'
import { seededRandom } from '../../test/support/seeded-random.ts'
import type { PinMode } from '../model/pin.ts'
import { CidTable, type Wait } from './cid-table.ts'

const CIDS = Array.from({ length: 400 }, (_, number) => numberedCid(number))
const WAITS = [undefined, 'changed', 'fresh', 'rest', 'again', 'failed', 'aside'] as const
const anyChange = fc.oneof(
  fc.record({
    at: fc.nat(CIDS.length - 1),
    mode: fc.constantFrom<PinMode | undefined>('recursive', 'direct', undefined),
  }),
  fc.record({ at: fc.nat(CIDS.length - 1), wait: fc.constantFrom(...WAITS) }),
)

const cidAt = (at: number) => CIDS[at] ?? numberedCid(at)

test('holds exactly what two Maps hold after the same changes, and counts it', () => {
  fc.assert(
    fc.property(fc.array(anyChange, { maxLength: 3000, size: 'max' }), fc.nat(), (changes, seed) => {
      const set = new CidTable(seededRandom(seed))
      const modes = new Map<number, PinMode | undefined>()
      const waits = new Map<number, Wait | undefined>()
      for (const change of changes) {
        if ('wait' in change) {
          set.setWait(cidAt(change.at), change.wait)
          waits.set(change.at, change.wait)
          continue
        }
        if (change.mode === undefined) set.delete(cidAt(change.at))
        else set.add(cidAt(change.at), change.mode)
        modes.set(change.at, change.mode)
      }
      assert.equal(set.heldCount, [...modes.values()].filter(mode => mode !== undefined).length)
      for (const wait of WAITS) {
        if (wait === undefined) continue
        assert.equal(set.waitingCount(wait), [...waits.values()].filter(each => each === wait).length, wait)
      }
      CIDS.forEach((cid, at) => {
        assert.equal(set.mode(cid), modes.get(at), `CID ${at}`)
        assert.equal(set.wait(cid), waits.get(at), `CID ${at}`)
      })
    }),
    { numRuns: 50 },
  )
})

test('a whole listing leaves what it showed, what was added meanwhile, and what waits', () => {
  fc.assert(
    fc.property(
      fc.subarray([...CIDS.keys()]),
      fc.subarray([...CIDS.keys()]),
      fc.nat(),
      (old, shown, added) => {
        const set = new CidTable(seededRandom(1))
        for (const at of old) set.add(cidAt(at), 'direct')
        for (const at of old) if (at % 3 === 0) set.setWait(cidAt(at), 'fresh')
        set.beginListing()
        set.add(cidAt(added % CIDS.length), 'recursive')
        for (const at of shown) set.add(cidAt(at), 'recursive')
        set.endListing()
        const expected = new Set([...shown, added % CIDS.length])
        assert.equal(set.heldCount, expected.size)
        for (const at of CIDS.keys()) {
          assert.equal(set.mode(cidAt(at)), expected.has(at) ? 'recursive' : undefined)
          assert.equal(set.wait(cidAt(at)), at % 3 === 0 && old.includes(at) ? 'fresh' : undefined)
        }
      },
    ),
  )
})

test('a listing that breaks off takes nothing away, and does not spoil the next one', () => {
  const set = new CidTable(seededRandom(1))
  for (const cid of CIDS) set.add(cid, 'recursive')
  set.beginListing()
  for (const cid of CIDS.slice(0, 100)) set.add(cid, 'recursive')
  set.abandonListing()
  assert.equal(set.heldCount, CIDS.length)
  set.beginListing()
  for (const cid of CIDS.slice(300)) set.add(cid, 'recursive')
  set.endListing()
  assert.equal(set.heldCount, 100)
  assert.equal(set.mode(cidAt(0)), undefined)
  assert.equal(set.mode(cidAt(399)), 'recursive')
})

test('a pin takes no more than 22 bytes once there are many', () => {
  const set = new CidTable(seededRandom(1))
  for (let number = 0; number < 50_000; number += 1) set.add(numberedCid(number), 'recursive')
  assert.equal(set.heldCount, 50_000)
  assert.ok(set.sizeBytes / set.heldCount <= 22, `${set.sizeBytes / set.heldCount} bytes`)
})
