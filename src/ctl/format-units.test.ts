import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatBytes, formatRelative } from './format-units.ts'

test('bytes have one decimal below 10 and none from there', () => {
  const cases: [number, string][] = [
    [0, '0 B'],
    [7, '7 B'],
    [999, '999 B'],
    [1000, '1.0 kB'],
    [1790, '1.8 kB'],
    [9999, '10 kB'],
    [12_000, '12 kB'],
    [82_854_982, '83 MB'],
    [9_500_000_000, '9.5 GB'],
    [9_999_696_826, '10 GB'],
    [1e18, '1.0 EB'],
  ]
  for (const [bytes, text] of cases) assert.equal(formatBytes(bytes), text)
})

test('spans of time change their unit at twice of it', () => {
  const day = 86_400
  const cases: [number, string][] = [
    [0.9, 'now'],
    [1, '1 second'],
    [59, '59 seconds'],
    [60, '1 minute'],
    [119, '1 minute'],
    [120, '2 minutes'],
    [3600, '1 hour'],
    [2 * 3600, '2 hours'],
    [day, '1 day'],
    [6.9 * day, '6 days'],
    [7 * day, '1 week'],
    [29 * day, '4 weeks'],
    [30 * day, '1 month'],
    [359 * day, '11 months'],
    [360 * day, '1 year'],
    [18 * 30 * day, '2 years'],
    [3 * 360 * day, '3 years'],
    [1e10, 'a long while'],
  ]
  for (const [seconds, text] of cases) {
    const isNow = text === 'now'
    assert.equal(formatRelative(seconds * 1000, 0), isNow ? text : `${text} from now`)
    assert.equal(formatRelative(0, seconds * 1000), isNow ? text : `${text} ago`)
  }
})
