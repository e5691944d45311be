import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { statusOfOperation } from './operation.ts'
import { WorkSet } from './work-set.ts'

const DAY_MS = 86_400_000
const RULE = { priorityMaxAgeMs: DAY_MS, priorityMaxRetries: 1, windowMax: 100 }
const failed = (nextAttemptMs: number | undefined) =>
  ({ isDone: false, error: 'why', reason: 'TIMEOUT', nextAttemptMs }) as const
const DONE = { isDone: true } as const

function taken(work: WorkSet, kind: 'pin' | 'unpin', nowMs = 0) {
  const operation = work.take(kind, nowMs)
  assert.ok(operation?.call !== undefined)
  return { name: operation.name, signal: operation.call.signal }
}

test('a pin that is wanted twice is one operation', () => {
  const work = new WorkSet(RULE)
  work.wantPin('a', 'recursive', 0, 0)
  work.wantPin('a', 'recursive', 0, 0)
  assert.equal(work.count('pin_queued'), 1)
  const { signal } = taken(work, 'pin')
  work.wantPin('a', 'recursive', 0, 0)
  assert.equal(signal.aborted, false)
  assert.equal(work.take('pin', 0), undefined)
  assert.equal(work.finish('a', DONE, 0), true)
  assert.equal(work.get('a'), undefined)
})

test('an unpin cancels the pin under way and waits for it to return', () => {
  const work = new WorkSet(RULE)
  work.wantPin('a', 'recursive', 0, 0)
  const { signal } = taken(work, 'pin')
  work.wantUnpin('a', 0)
  assert.equal(signal.aborted, true)
  assert.equal(work.take('unpin', 0), undefined)
  assert.equal(work.finish('a', failed(5), 0), false)
  assert.equal(taken(work, 'unpin').name, 'a')
})

test('a pin cancels the unpin under way and waits for it to return, and begins to count its attempts anew', () => {
  const work = new WorkSet(RULE)
  work.wantUnpin('a', 0)
  const { signal } = taken(work, 'unpin')
  work.wantPin('a', 'recursive', 0, 0)
  assert.equal(signal.aborted, true)
  assert.equal(work.take('pin', 0), undefined)
  work.finish('a', DONE, 0)
  assert.equal(work.get('a')?.attempts, 0)
  assert.equal(taken(work, 'pin').name, 'a')
})

test('pin, unpin, pin while the first call runs ends with a second pin call', () => {
  const work = new WorkSet(RULE)
  work.wantPin('a', 'recursive', 0, 0)
  taken(work, 'pin')
  work.wantUnpin('a', 0)
  work.wantPin('a', 'recursive', 0, 0)
  assert.equal(work.take('pin', 0), undefined)
  assert.equal(work.finish('a', DONE, 0), false)
  assert.equal(taken(work, 'pin').name, 'a')
})

test('what was dropped while its call ran is gone when the call returns, unless it is wanted again', () => {
  const work = new WorkSet(RULE)
  work.wantPin('a', 'recursive', 0, 0)
  work.wantPin('b', 'recursive', 0, 0)
  const first = taken(work, 'pin')
  taken(work, 'pin')
  work.wantNothing('a', 0)
  work.wantNothing('b', 0)
  assert.equal(first.signal.aborted, true)
  work.wantPin('b', 'recursive', 0, 0)
  work.finish('a', DONE, 0)
  work.finish('b', DONE, 0)
  assert.equal(work.get('a'), undefined)
  assert.equal(taken(work, 'pin').name, 'b')
})

test('another mode restarts the call', () => {
  const work = new WorkSet(RULE)
  work.wantPin('a', 'direct', 0, 0)
  const { signal } = taken(work, 'pin')
  work.wantPin('a', 'recursive', 0, 0)
  assert.equal(signal.aborted, true)
  work.finish('a', failed(5), 0)
  assert.equal(work.get('a')?.mode, 'recursive')
  assert.equal(taken(work, 'pin').name, 'a')
})

test('fresh pins go before retries, and old pins behind both', () => {
  const work = new WorkSet(RULE)
  work.wantPin('retry', 'recursive', DAY_MS, DAY_MS)
  taken(work, 'pin', DAY_MS)
  work.finish('retry', failed(DAY_MS), DAY_MS)
  work.wantPin('old', 'recursive', 0, DAY_MS)
  work.retryDue(DAY_MS)
  work.wantPin('fresh', 'recursive', DAY_MS, DAY_MS)
  assert.deepEqual(
    [1, 2, 3].map(() => taken(work, 'pin').name),
    ['fresh', 'retry', 'old'],
  )
})

test('with one retry allowed, the first two attempts have priority and the third has not', () => {
  const work = new WorkSet(RULE)
  work.wantPin('a', 'recursive', 0, 0)
  const seen: boolean[] = []
  for (let attempt = 1; attempt <= 3; attempt += 1) {
    const operation = work.take('pin', 0)
    assert.equal(operation?.attempts, attempt)
    seen.push(operation.isPriority)
    work.finish('a', failed(0), 0)
    work.retryDue(0)
  }
  assert.deepEqual(seen, [true, true, false])
})

test('what failed comes back when it is due, what waits for the node when it answers', () => {
  const work = new WorkSet(RULE)
  for (const name of ['timed', 'waiting']) work.wantPin(name, 'recursive', 0, 0)
  taken(work, 'pin')
  taken(work, 'pin')
  work.finish('timed', failed(10_000), 0)
  work.finish('waiting', failed(undefined), 0)
  assert.equal(work.count('pin_error'), 2)
  work.retryDue(9_999)
  assert.equal(work.take('pin', 0), undefined)
  assert.equal(work.nextRetryMs, 10_000)
  work.retryDue(10_000)
  assert.equal(taken(work, 'pin').name, 'timed')
  work.retryWaiting(0)
  assert.equal(taken(work, 'pin').name, 'waiting')
})

test('whatever happens: one call a CID, counts that add up, and all work gets done', () => {
  const anyEvent = fc.record({
    name: fc.constantFrom('a', 'b', 'c'),
    what: fc.constantFrom('pin', 'direct', 'unpin', 'nothing', 'take', 'done', 'fail', 'wait', 'retry'),
  })
  fc.assert(
    fc.property(fc.array(anyEvent, { maxLength: 60 }), events => {
      const work = new WorkSet(RULE)
      const calls = new Set<string>()
      const take = (kind: 'pin' | 'unpin') => {
        const operation = work.take(kind, 0)
        if (operation === undefined) return false
        assert.ok(!calls.has(operation.name), `two calls for ${operation.name}`)
        calls.add(operation.name)
        return true
      }
      const doThis: Record<string, (name: string) => void> = {
        pin: name => work.wantPin(name, 'recursive', 0, 0),
        direct: name => work.wantPin(name, 'direct', 0, 0),
        unpin: name => work.wantUnpin(name, 0),
        nothing: name => work.wantNothing(name, 0),
        take: () => void (take('unpin') || take('pin')),
        done: name => void (calls.delete(name) && work.finish(name, DONE, 0)),
        fail: name => void (calls.delete(name) && work.finish(name, failed(5), 0)),
        wait: name => void (calls.delete(name) && work.finish(name, failed(undefined), 0)),
        retry: name => void work.retryNow(name, 0),
      }
      for (const { name, what } of events) {
        doThis[what]?.(name)
        const statuses = work.names().map(each => statusOfOperation(work.get(each) ?? assert.fail()))
        const counted = [...statuses].filter(status => status !== undefined)
        for (const status of new Set(counted)) {
          assert.equal(work.count(status), counted.filter(each => each === status).length)
        }
      }
      work.retryDue(5000)
      work.retryWaiting(0)
      do {
        for (const name of calls) work.finish(name, DONE, 0)
        calls.clear()
      } while (take('pin') || take('unpin'))
      assert.deepEqual([...work.names()], [])
    }),
    { numRuns: 2000 },
  )
})

test('who asks for room and lets what failed be forgotten keeps so many operations at most', () => {
  const anyStep = fc.record({
    name: fc.integer({ min: 0, max: 200 }).map(String),
    what: fc.constantFrom('new', 'new', 'old', 'take', 'take', 'fail', 'done', 'due'),
  })
  fc.assert(
    fc.property(fc.array(anyStep, { maxLength: 400, size: 'max' }), steps => {
      const work = new WorkSet({ ...RULE, windowMax: 4 })
      const calls: string[] = []
      for (const { name, what } of steps) {
        const entryMs = what === 'new' ? DAY_MS : 0
        const isNew = work.get(name) === undefined && (what === 'new' || what === 'old')
        if (isNew && work.hasRoom(work.laneOf(entryMs, DAY_MS)))
          work.wantPin(name, 'recursive', entryMs, DAY_MS)
        const operation = what === 'take' && calls.length < 3 ? work.take('pin', DAY_MS) : undefined
        if (operation !== undefined) calls.push(operation.name)
        const call = what === 'fail' || what === 'done' ? calls.shift() : undefined
        if (call !== undefined) {
          work.finish(call, what === 'done' ? DONE : failed(DAY_MS), DAY_MS)
          if (what === 'fail' && work.isFailedOver('pin')) work.forget(call)
        }
        if (what === 'due') work.retryDue(DAY_MS)
        assert.ok([...work.names()].length <= 5 * 4 + 3)
      }
    }),
  )
})
