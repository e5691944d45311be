import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock, timeLimit } from './clock.ts'

const A_MONTH_MS = 30 * 86_400_000

test('what is to wait for longer than timers can does not happen at once', async () => {
  const events: string[] = []
  const waking = new AbortController()
  const sleeping = systemClock.sleep(A_MONTH_MS, waking.signal).then(
    () => events.push('slept'),
    () => events.push('woken'),
  )
  const scheduled = systemClock.schedule(A_MONTH_MS, () => events.push('called'))
  const never = systemClock.schedule(Number.POSITIVE_INFINITY, () => events.push('called'))
  await systemClock.sleep(30, AbortSignal.timeout(5000))
  assert.deepEqual(events, [])
  scheduled[Symbol.dispose]()
  never[Symbol.dispose]()
  waking.abort()
  await sleeping
  assert.deepEqual(events, ['woken'])
})

test('a limit beyond what timers can wait is none, and any other ends with a TimeoutError', async () => {
  const long = [A_MONTH_MS, 2 ** 40, Number.POSITIVE_INFINITY].map(timeLimit)
  const short = timeLimit(0.5)
  await assert.rejects(systemClock.sleep(5000, short), { name: 'TimeoutError' })
  await systemClock.sleep(30, AbortSignal.timeout(5000))
  assert.deepEqual(
    long.map(({ aborted }) => aborted),
    [false, false, false],
  )
})

test('a wait ends with the reason of its signal, also of one that was aborted before', async () => {
  const reason = new Error('enough')
  await assert.rejects(systemClock.sleep(60_000, AbortSignal.abort(reason)), reason)
  const stopping = new AbortController()
  const sleeping = systemClock.sleep(60_000, stopping.signal)
  stopping.abort(reason)
  await assert.rejects(sleeping, reason)
})

test('what was scheduled is called once, unless it is disposed before', async () => {
  const events: string[] = []
  using _kept = systemClock.schedule(1, () => events.push('kept'))
  systemClock.schedule(1, () => events.push('disposed'))[Symbol.dispose]()
  await systemClock.sleep(30, AbortSignal.timeout(5000))
  assert.deepEqual(events, ['kept'])
})
