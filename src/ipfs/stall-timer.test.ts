import assert from 'node:assert/strict'
import { test } from 'node:test'
import { virtualClock } from '../../test/support/virtual-clock.ts'
import { openStallTimer } from './stall-timer.ts'

test('work that is touched in time never stalls, and stalls once when it is not', async () => {
  const clock = virtualClock()
  let stalls = 0
  using timer = openStallTimer(clock, 1000, () => stalls++)
  for (let round = 0; round < 10; round++) {
    await clock.advance(900)
    timer.touch()
  }
  await clock.advance(999)
  assert.equal(stalls, 0)
  await clock.advance(1)
  assert.equal(stalls, 1)
  await clock.advance(10_000)
  assert.equal(stalls, 1)
})

test('time while paused does not count', async () => {
  const clock = virtualClock()
  let stalls = 0
  using timer = openStallTimer(clock, 1000, () => stalls++)
  await clock.advance(500)
  timer.pause()
  await clock.advance(10_000)
  timer.touch()
  await clock.advance(900)
  assert.equal(stalls, 0)
  await clock.advance(1000)
  assert.equal(stalls, 1)
})

test('without a limit nothing stalls', async () => {
  const clock = virtualClock()
  using _timer = openStallTimer(clock, 0, () => assert.fail('it stalled'))
  await clock.advance(1e9)
})
