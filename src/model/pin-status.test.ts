import assert from 'node:assert/strict'
import test from 'node:test'
import { parseStatusFilter } from './pin-status.ts'

test('aliases stand for several states, and names that every object has for none', () => {
  assert.deepEqual(parseStatusFilter('queued, pinned'), new Set(['pin_queued', 'unpin_queued', 'pinned']))
  for (const name of ['constructor', '__proto__', 'toString'])
    assert.throws(() => parseStatusFilter(name), { code: 'INVALID_ARGUMENT' })
})
