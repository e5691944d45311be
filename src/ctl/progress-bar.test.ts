import assert from 'node:assert/strict'
import { test } from 'node:test'
import { textSink } from '../../test/support/text-sink.ts'
import { virtualClock } from '../../test/support/virtual-clock.ts'
import { formatProgress, openProgressBar } from './progress-bar.ts'

const half = { sentBytes: 1_000_000, totalBytes: 2_000_000, elapsedMs: 2000 }

test('a bar shows how much is sent, of how much, and how fast', () => {
  assert.equal(formatProgress(half, 80, false), '[############------------]  50%  1.0 MB / 2.0 MB  500 kB/s')
  assert.ok(formatProgress(half, 80, true).includes(`\u001B[32m${'#'.repeat(12)}\u001B[39m-`))
})

test('a narrow terminal gets figures only, never more than a line', () => {
  for (const columns of [1, 10, 30, 45])
    assert.ok(formatProgress(half, columns, false).length < Math.max(columns, 1) + 1)
})

test('nothing to send is all sent', () => {
  assert.match(formatProgress({ sentBytes: 0, totalBytes: 0, elapsedMs: 0 }, 80, false), /100%/)
})

test('the bar is drawn ten times a second at most, and wiped away at the end', async () => {
  const terminal = textSink(80)
  const clock = virtualClock()
  {
    using bar = openProgressBar(terminal, clock, 100, false)
    for (let i = 0; i < 20; i++) {
      bar.advance(5)
      await clock.advance(25)
    }
  }
  const drawn = terminal.text.split('\r\u001B[K')
  assert.equal(drawn.length - 2, 5)
  assert.equal(drawn.at(-1), '')
})

test('without a terminal nothing is drawn', () => {
  using bar = openProgressBar(undefined, virtualClock(), 100, false)
  bar.advance(5)
})
