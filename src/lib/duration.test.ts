import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { formatDuration, parseDuration } from './duration.ts'

test('durations are read as Go reads them', () => {
  const cases: readonly (readonly [text: string, ms: number])[] = [
    ['0', 0],
    ['300ms', 300],
    ['1.5h', 5_400_000],
    ['2h45m', 9_900_000],
    ['-1s', -1000],
    ['+.5s', 500],
    ['1.s', 1000],
    ['3µs', 0.003],
    ['2562047h', 2_562_047 * 3_600_000],
  ]
  for (const [text, ms] of cases) assert.equal(parseDuration(text), ms, text)
})

test('what is no duration is refused at once, however long it is, and shown in part', () => {
  const wrong = [
    '',
    '-',
    '5',
    '1 s',
    '1s ',
    's',
    '.s',
    '1.2.3s',
    '1d',
    '1e3s',
    '2562048h',
    `${'9'.repeat(400)}h`,
  ]
  const long = ['1', '.', '1.', '1s1'].map(part => part.repeat(1_000_000 / part.length))
  for (const text of [...wrong, ...long]) {
    const isShort = (error: Error) => error.message.length < 250
    assert.throws(
      () => parseDuration(text),
      (error: Error) => 'code' in error && error.code === 'INVALID_ARGUMENT' && isShort(error),
    )
  }
})

test('what is written is read back as it was', () => {
  fc.assert(
    fc.property(fc.integer({ min: -1e12, max: 1e12 }), ms => {
      assert.equal(parseDuration(formatDuration(ms)), ms)
    }),
  )
  assert.equal(formatDuration(5_400_000), '1h30m0s')
})
