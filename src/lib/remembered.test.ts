import assert from 'node:assert/strict'
import { test } from 'node:test'
import { remembered, rememberLast } from './remembered.ts'

test('a key is worked out once as long as there is room, and what has no value each time', () => {
  const made: number[] = []
  const half = remembered((key: number) => {
    made.push(key)
    return key % 2 === 0 ? key / 2 : undefined
  }, 2)
  assert.deepEqual([2, 4, 2, 4, 3, 3].map(half), [1, 2, 1, 2, undefined, undefined])
  assert.deepEqual(made.splice(0), [2, 4, 3, 3])
  assert.deepEqual([6, 2, 6].map(half), [3, 1, 3])
  assert.deepEqual(made, [6, 2])
})

test('of the last key alone what was made is kept, also when that is nothing', () => {
  const made: string[] = []
  const first = rememberLast((key: string) => {
    made.push(key)
    return key.at(0)
  })
  assert.deepEqual(['ab', 'ab', '', '', 'ab'].map(first), ['a', 'a', undefined, undefined, 'a'])
  assert.deepEqual(made, ['ab', '', 'ab'])
})
