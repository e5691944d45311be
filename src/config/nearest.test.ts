import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assert as assertLaw, property, string } from 'fast-check'
import { editDistance, nearest } from './nearest.ts'

test('the distance counts inserts, deletes, replacements and swaps', () => {
  assert.equal(editDistance('peername', 'peername'), 0)
  assert.equal(editDistance('pername', 'peername'), 1)
  assert.equal(editDistance('peernaem', 'peername'), 1)
  assert.equal(editDistance('', 'abc'), 3)
})

test('the distance is symmetric and at most the longer length', () => {
  assertLaw(
    property(string({ maxLength: 12 }), string({ maxLength: 12 }), (a, b) => {
      const distance = editDistance(a, b)
      assert.equal(distance, editDistance(b, a))
      assert.ok(distance <= Math.max(a.length, b.length))
      assert.equal(distance === 0, a === b)
    }),
  )
})

test('a near word is found, a far one is not', () => {
  const known = ['secret', 'peername', 'replication_factor_min', 'replication_factor_max']
  assert.equal(nearest('replication_min', known), 'replication_factor_min')
  assert.equal(nearest('Secert', known), 'secret')
  assert.equal(nearest('colour', known), undefined)
})
