import assert from 'node:assert/strict'
import test from 'node:test'
import type { Clock } from '../lib/clock.ts'
import { AwakeTime } from './awake-time.ts'

function handClock(): Clock & { pass(ms: number): void; tick(): void } {
  let nowMs = 0
  let due: (() => void) | undefined
  return {
    now: () => nowMs,
    monotonic: () => nowMs,
    sleep: () => Promise.reject(new Error('not here')),
    schedule: (_ms, task) => {
      due = task
      return { [Symbol.dispose]: () => undefined }
    },
    pass: ms => {
      nowMs += ms
    },
    tick: () => due?.(),
  }
}

test('time in which the process stood still does not count', () => {
  const clock = handClock()
  const pauses: number[] = []
  using awake = new AwakeTime(clock, {
    tickMs: 1000,
    onPause: pauseMs => pauses.push(pauseMs),
    onTick: () => undefined,
  })
  for (let second = 0; second < 5; second += 1) {
    clock.pass(1000)
    clock.tick()
  }
  assert.equal(awake.now(), 5000)
  clock.pass(60_000)
  assert.equal(awake.now(), 6000)
  clock.tick()
  clock.pass(1000)
  clock.tick()
  assert.equal(awake.now(), 7000)
  assert.deepEqual(pauses, [59_000])
})

test('a tick that is somewhat late is no pause', () => {
  const clock = handClock()
  using awake = new AwakeTime(clock, {
    tickMs: 1000,
    onPause: () => assert.fail('a pause'),
    onTick: () => undefined,
  })
  clock.pass(2400)
  clock.tick()
  assert.equal(awake.now(), 2400)
})
