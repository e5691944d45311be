import assert from 'node:assert/strict'
import { test } from 'node:test'
import { KeyedLock } from './keyed-lock.ts'

test('tasks of one key run one after the other, in order, also behind one that fails; others do not wait', async () => {
  const lock = new KeyedLock()
  const said: string[] = []
  const gate = Promise.withResolvers<void>()
  const first = lock.run('a', async () => {
    await gate.promise
    said.push('first')
    throw new Error('first')
  })
  const second = lock.run('a', async () => said.push('second'))
  await lock.run('b', async () => said.push('other'))
  assert.deepEqual(said, ['other'])
  gate.resolve()
  await assert.rejects(first, /first/)
  await second
  assert.deepEqual(said, ['other', 'first', 'second'])
  assert.equal(await lock.run('a', async () => 4), 4)
})
