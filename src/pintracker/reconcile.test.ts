import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { numberedCid } from '../../test/support/numbered-cid.ts'
import { PIN_TYPES, type Pin, type PinMode, toPin } from '../model/pin.ts'
import { covers, reconcile } from './reconcile.ts'

const SELF = 'self'
const cid = numberedCid(1)

const anyActual = fc.constantFrom<PinMode | undefined>('recursive', 'direct', undefined)
const anyPin = fc
  .record({
    type: fc.constantFrom(...PIN_TYPES),
    mode: fc.constantFrom<PinMode>('recursive', 'direct'),
    allocations: fc.subarray([SELF, 'other', 'third']),
    replication: fc.constantFrom(-1, 1, 2),
  })
  .map(({ replication, ...pin }) =>
    toPin(cid, { ...pin, replicationMin: replication, replicationMax: replication }),
  )
const anyDesired: fc.Arbitrary<Pin | undefined> = fc.option(anyPin, { nil: undefined })

test('one step closes the gap: after it there is nothing to do', () => {
  fc.assert(
    fc.property(anyDesired, anyActual, (desired, actual) => {
      const step = reconcile(desired, actual, SELF)
      const mode = desired?.maxDepth === 0 ? 'direct' : 'recursive'
      const after = step === 'pin' ? mode : step === 'unpin' ? undefined : actual
      assert.equal(reconcile(desired, after, SELF), 'nothing')
    }),
  )
})

test('nothing is unpinned that the pinset wants here', () => {
  fc.assert(
    fc.property(anyPin, anyActual, (pin, actual) => {
      const isHere = pin.replicationMax < 0 || pin.allocations.includes(SELF)
      if (isHere) assert.notEqual(reconcile(pin, actual, SELF), 'unpin')
    }),
  )
})

test('nothing is pinned without an entry that wants it here', () => {
  fc.assert(
    fc.property(anyDesired, anyActual, (desired, actual) => {
      if (reconcile(desired, actual, SELF) !== 'pin') return
      assert.ok(desired !== undefined && desired.type !== 'meta-pin')
      assert.ok(desired.replicationMax < 0 || desired.allocations.includes(SELF))
      assert.ok(!covers(actual, desired.maxDepth === 0 ? 'direct' : 'recursive'))
    }),
  )
})

test('the root of a sharded DAG is left alone, whatever IPFS holds', () => {
  for (const actual of ['recursive', 'direct', undefined] as const) {
    assert.equal(reconcile(toPin(cid, { type: 'meta-pin' }), actual, SELF), 'nothing')
  }
})

test('a recursive pin covers a direct one, not the other way round', () => {
  const everywhere = { replicationMin: -1, replicationMax: -1 }
  assert.equal(reconcile(toPin(cid, { mode: 'direct', ...everywhere }), 'recursive', SELF), 'nothing')
  assert.equal(reconcile(toPin(cid, { mode: 'recursive', ...everywhere }), 'direct', SELF), 'pin')
})
