import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LatestMap } from './latest-map.ts'

test('what was set last is kept, and what is set again is the latest', () => {
  const latest = new LatestMap<string, number>(2)
  latest.set('a', 1)
  latest.set('b', 2)
  latest.set('a', 3)
  latest.set('c', 4)
  assert.deepEqual(
    [...latest],
    [
      ['a', 3],
      ['c', 4],
    ],
  )
  assert.equal(latest.get('b'), undefined)
  assert.equal(latest.size, 2)
})
