import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ClusterError } from '../errors.ts'
import { formatTime, parseTime, toNanoseconds, ZERO_TIME } from './time-json.ts'

const anyTime = fc.integer({ min: Date.UTC(1, 1), max: Date.UTC(9999, 11, 31) }).filter(ms => ms !== 0)

test('a time comes back from its text', () => {
  fc.assert(fc.property(anyTime, ms => assert.equal(parseTime(formatTime(ms)), ms)))
})

test('text has no zeros at the end of its fraction', () => {
  assert.equal(formatTime(Date.UTC(2022, 2, 1, 12)), '2022-03-01T12:00:00Z')
  assert.equal(formatTime(Date.UTC(2022, 2, 1, 12, 0, 0, 500)), '2022-03-01T12:00:00.5Z')
  assert.equal(formatTime(Date.UTC(2022, 2, 1, 12, 0, 0, 120)), '2022-03-01T12:00:00.12Z')
  assert.equal(formatTime(Date.UTC(2022, 2, 1, 12, 0, 0, 7)), '2022-03-01T12:00:00.007Z')
})

test('no time is the zero time, both ways', () => {
  assert.equal(formatTime(undefined), ZERO_TIME)
  assert.equal(formatTime(0), ZERO_TIME)
  assert.equal(parseTime(ZERO_TIME), undefined)
})

test('offsets are taken into account and digits beyond milliseconds are cut off', () => {
  assert.equal(parseTime('2099-01-01T00:00:00.5+02:00'), Date.UTC(2098, 11, 31, 22, 0, 0, 500))
  assert.equal(parseTime('2022-03-01T12:00:00.123456789Z'), Date.UTC(2022, 2, 1, 12, 0, 0, 123))
  assert.equal(parseTime('2022-03-01T00:00:00-00:30'), Date.UTC(2022, 2, 1, 0, 30))
})

test('what is no RFC 3339 time is refused', () => {
  const wrong = [
    '',
    'foo',
    '2022-03-01',
    '2022-13-01T00:00:00Z',
    '2022-02-30T00:00:00Z',
    '2022-03-01T24:00:00Z',
  ]
  for (const text of [...wrong, '2022-03-01T00:00:00', '2022-03-01 00:00:00Z', `${'9'.repeat(10_000)}Z`]) {
    assert.throws(() => parseTime(text), ClusterError, text)
  }
})

test('nanoseconds are exact beyond 2^53', () => {
  assert.equal(toNanoseconds(1_646_136_030_123), 1_646_136_030_123_000_000n)
})

test('whole seconds are written as the platform writes them', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 253_402_300_799 }), seconds => {
      assert.equal(formatTime(seconds * 1000), new Date(seconds * 1000).toISOString().replace('.000Z', 'Z'))
    }),
  )
})
