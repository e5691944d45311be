import assert from 'node:assert/strict'
import { test } from 'node:test'
import { virtualClock } from '../../../test/support/virtual-clock.ts'
import { FailureGate } from './failure-gate.ts'

const { signal } = new AbortController()

/** A gate behind which the node did not answer for long. */
function limitedGate() {
  const clock = virtualClock()
  const gate = new FailureGate(clock)
  for (let failures = 0; failures <= 10; failures++) gate.failed()
  return { clock, gate }
}

test('a node that does not answer is asked once a second, and by everybody at once when it does', async () => {
  const { clock, gate } = limitedGate()
  let passed = 0
  const passing = Array.from({ length: 10 }, () => gate.pass(signal).then(() => passed++))
  await clock.advance(3000)
  assert.equal(passed, 3)
  gate.answered()
  await Promise.all(passing)
  assert.equal(gate.isLimited, false)
})

test('however many give up before their turn, the next one is asked within a second', async () => {
  const { clock, gate } = limitedGate()
  for (let second = 0; second < 20; second++) {
    const stopping = new AbortController()
    const given = Array.from({ length: 50 }, () => gate.pass(stopping.signal))
    stopping.abort(new Error('given up'))
    await Promise.allSettled(given)
    await clock.advance(100)
  }
  let hasPassed = false
  const passing = gate.pass(signal).then(() => {
    hasPassed = true
  })
  await clock.advance(1000)
  assert.equal(hasPassed, true)
  await passing
})
