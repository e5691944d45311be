import assert from 'node:assert/strict'
import { it } from 'node:test'
import { Turns } from './turns.ts'

const signal = new AbortController().signal
const settle = () => new Promise(resolve => setImmediate(resolve))

it('so many go at once, the others in the order in which they came, each key for itself', async () => {
  const turns = new Turns(2)
  const order: string[] = []
  const take = async (key: string, name: string) => {
    const turn = await turns.take(key, signal)
    order.push(name)
    return turn
  }
  const [first, second] = [await take('x', '1'), await take('x', '2')]
  const third = take('x', '3')
  const fourth = take('x', '4')
  await take('y', 'other')
  await settle()
  assert.deepEqual(order, ['1', '2', 'other'])
  second[Symbol.dispose]()
  second[Symbol.dispose]()
  await third
  await settle()
  assert.deepEqual(order, ['1', '2', 'other', '3'])
  first[Symbol.dispose]()
  await fourth
})

it('who stops waiting leaves the turn to the next', async () => {
  const turns = new Turns(1)
  const first = await turns.take('x', signal)
  const stop = new AbortController()
  const reason = new Error('not needed')
  const left = assert.rejects(turns.take('x', stop.signal), reason)
  const next = turns.take('x', signal)
  stop.abort(reason)
  await left
  first[Symbol.dispose]()
  const turn = await next
  turn[Symbol.dispose]()
  ;(await turns.take('x', signal))[Symbol.dispose]()
})
