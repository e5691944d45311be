import assert from 'node:assert/strict'
import test from 'node:test'
import { seededRandom } from '../../test/support/seeded-random.ts'
import { virtualClock } from '../../test/support/virtual-clock.ts'
import { RetryLoop } from './retry-loop.ts'

const retry = { firstMs: 1000, maxMs: 8000 }

test('after a failure the next step waits, ever longer, and not at all after one that succeeds', async () => {
  const clock = virtualClock()
  const began: number[] = []
  const failed: unknown[] = []
  const parts = { clock, random: seededRandom(1), retry, onFailure: (thrown: unknown) => failed.push(thrown) }
  await using loop = new RetryLoop(parts, async pause => {
    began.push(clock.monotonic())
    if (began.length === 4) return await pause.wait(undefined)
    if (began.length <= 5) throw new Error(`step ${began.length}`)
    await pause.wait(undefined)
  })
  await clock.advance(60_000)
  assert.equal(began.length, 4)
  const [first, second, third] = began.slice(1).map((ms, at) => ms - (began[at] ?? 0))
  assert.ok(first !== undefined && first >= 500 && first <= 1000)
  assert.ok(second !== undefined && second >= 1000 && second <= 2000)
  assert.ok(third !== undefined && third >= 2000 && third <= 4000)
  loop.wake()
  await clock.advance(1000)
  assert.equal(began.length, 6)
  assert.equal(failed.length, 4)
})

test('a wake cuts both waits short; disposal ends them and waits for the step under way', async () => {
  const clock = virtualClock()
  let steps = 0
  let isOver = false
  const parts = { clock, random: seededRandom(1), retry, onFailure: () => undefined }
  const loop = new RetryLoop(parts, async (pause, signal) => {
    steps += 1
    if (steps === 1) throw new Error('failed')
    if (steps === 2) return await pause.wait(undefined)
    try {
      await clock.sleep(3_600_000, signal)
    } finally {
      isOver = true
    }
  })
  await clock.advance(0)
  assert.equal(steps, 1)
  loop.wake()
  await clock.advance(0)
  assert.equal(steps, 2)
  loop.wake()
  await clock.advance(0)
  assert.equal(steps, 3)
  assert.ok(!isOver)
  await loop[Symbol.asyncDispose]()
  assert.ok(isOver)
  assert.equal(steps, 3)
})
