import assert from 'node:assert/strict'
import { it } from 'node:test'
import { virtualClock } from '../../test/support/virtual-clock.ts'
import { Outbox } from './outbox.ts'

const turns = async (count: number) => {
  for (let at = 0; at < count; at++) await new Promise(resolve => setImmediate(resolve))
}

/** An outbox with a reader that takes at once, and what it took. */
function openOutbox() {
  const clock = virtualClock()
  const state = { isBusy: false }
  const outbox = new Outbox<number>({ clock, isBusy: () => state.isBusy, patienceMs: 2 })
  const taken: (readonly number[])[] = []
  const reading = (async () => {
    for await (const batch of outbox.batches()) taken.push(batch)
  })()
  return { clock, state, outbox, taken, reading }
}

it('what comes in one turn goes out together, and nothing waits for company while the other side has no work', async () => {
  const { outbox, taken, reading } = openOutbox()
  outbox.push(1, 10)
  outbox.push(2, 10)
  await turns(3)
  outbox.push(3, 10)
  await turns(3)
  assert.deepEqual(taken, [[1, 2], [3]])
  outbox.end()
  await reading
})

it('what comes while much is under way waits for an answer, and not longer than its patience', async () => {
  const { clock, state, outbox, taken, reading } = openOutbox()
  state.isBusy = true
  outbox.push(1, 10)
  await turns(3)
  outbox.push(2, 10)
  await turns(3)
  assert.deepEqual(taken, [])
  outbox.hurry()
  await turns(3)
  assert.deepEqual(taken, [[1, 2]])
  outbox.push(3, 10)
  await turns(3)
  await clock.advance(1)
  assert.deepEqual(taken, [[1, 2]])
  await clock.advance(1)
  assert.deepEqual(taken, [[1, 2], [3]])
  outbox.push(4, 10)
  await turns(3)
  outbox.end()
  await reading
  assert.deepEqual(taken, [[1, 2], [3], [4]])
})

it('a whole message waits for nothing', async () => {
  const { state, outbox, taken, reading } = openOutbox()
  state.isBusy = true
  outbox.push(0, 1)
  await turns(3)
  for (let at = 1; at < 300; at++) outbox.push(at, 1)
  await turns(3)
  assert.equal(taken[0]?.length, 256)
  outbox.fail(new Error('the stream broke'))
  await assert.rejects(reading, { message: 'the stream broke' })
})
