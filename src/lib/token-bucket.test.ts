import assert from 'node:assert/strict'
import { test } from 'node:test'
import { virtualClock } from '../../test/support/virtual-clock.ts'
import { TokenBucket } from './token-bucket.ts'

const { signal } = new AbortController()

test('so many go through at once, and the others at the rate', async () => {
  const clock = virtualClock()
  const bucket = new TokenBucket(clock, { capacity: 5, perSecond: 10 })
  let taken = 0
  const taking = Array.from({ length: 20 }, () => bucket.take(1, signal).then(() => taken++))
  await clock.advance(0)
  assert.equal(taken, 5)
  await clock.advance(1000)
  assert.equal(taken, 15)
  await clock.advance(500)
  await Promise.all(taking)
})

test('who gives up takes no tokens from those that come after', async () => {
  const clock = virtualClock()
  const bucket = new TokenBucket(clock, { capacity: 1, perSecond: 1 })
  await bucket.take(1, signal)
  const stopping = new AbortController()
  const given = Array.from({ length: 100 }, () => assert.rejects(bucket.take(10, stopping.signal)))
  stopping.abort(new Error('given up'))
  await Promise.all(given)
  const taken = bucket.take(1, signal)
  await clock.advance(1000)
  await taken
  assert.equal(bucket.tryTake(1), false)
})
