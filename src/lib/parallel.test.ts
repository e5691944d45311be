import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inParallel } from './parallel.ts'

test('never more than the limit run at a time, and every outcome comes', async () => {
  let running = 0
  let most = 0
  const outcomes: unknown[] = []
  const task = async (item: number) => {
    most = Math.max(most, ++running)
    for (let turns = 0; turns < item % 5; turns++) await new Promise(resolve => setImmediate(resolve))
    running--
    if (item === 7) throw new Error('seven')
    return item
  }
  for await (const outcome of inParallel(Array(50).keys(), 4, task)) outcomes.push(outcome)
  assert.equal(most, 4)
  assert.equal(outcomes.length, 50)
  const failed = outcomes.filter(outcome => 'thrown' in (outcome as object))
  assert.equal(failed.length, 1)
})

test('outcomes come in order of completion', async () => {
  const slow = Promise.withResolvers<string>()
  const seen: unknown[] = []
  for await (const outcome of inParallel(['slow', 'fast'], 2, item =>
    item === 'slow' ? slow.promise : Promise.resolve(item),
  )) {
    seen.push(outcome)
    slow.resolve('slow')
  }
  assert.deepEqual(seen, [{ value: 'fast' }, { value: 'slow' }])
})
