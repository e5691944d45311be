import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Channel } from './channel.ts'

const channel = (max: number) => new Channel<number>({ max, costOf: item => item })
const settle = () => new Promise<void>(resolve => setImmediate(resolve))

test('the reader gets every item, in order, and then the end', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 1, max: 9 })),
      fc.integer({ min: 1, max: 20 }),
      async (items, max) => {
        const subject = channel(max)
        const write = async () => {
          for (const item of items) assert.ok(await subject.push(item))
          subject.close()
        }
        const written = write()
        const read: number[] = []
        for await (const item of subject) read.push(item)
        await written
        assert.deepEqual(read, items)
      },
    ),
  )
})

test('a push waits while as much as allowed is waiting', async () => {
  const subject = channel(10)
  let isThrough = false
  const pushed = subject.push(10).then(() => {
    isThrough = true
  })
  await settle()
  assert.equal(isThrough, false)
  const reader = subject[Symbol.asyncIterator]()
  await reader.next()
  await pushed
  assert.ok(isThrough)
})

test('a reader that stops lets every writer go on, in vain', async () => {
  const subject = channel(1)
  const waiting = [subject.push(5), subject.push(5)]
  for await (const _item of subject) break
  assert.deepEqual(await Promise.all(waiting), [false, false])
  assert.equal(await subject.push(1), false)
})

test('an abandoned channel ends a reader that waits', async () => {
  const subject = channel(1)
  const next = subject[Symbol.asyncIterator]().next()
  await settle()
  subject.abandon()
  assert.equal((await next).done, true)
})
