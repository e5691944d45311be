import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatProgress } from './progress-bar.ts'

const half = { sentBytes: 1_000_000, totalBytes: 2_000_000, elapsedMs: 2000 }

test('a bar shows how much is sent, of how much, and how fast', () => {
  assert.equal(formatProgress(half, 80, false), '[############------------]  50%  1.0 MB / 2.0 MB  500 kB/s')
  assert.ok(formatProgress(half, 80, true).includes(`\u001B[32m${'#'.repeat(12)}\u001B[39m-`))
})

test('a narrow terminal gets figures only, never more than a line', () => {
  for (const charactersMax of [0, 1, 10, 30, 45, 56, 57])
    assert.ok(formatProgress(half, charactersMax, false).length <= charactersMax)
})

test('nothing to send is all sent', () => {
  assert.match(formatProgress({ sentBytes: 0, totalBytes: 0, elapsedMs: 0 }, 80, false), /100%/)
})
