import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseCid } from '../model/cid.ts'
import { parsePinRange } from './pin-range.ts'
import { parseQuery } from './query.ts'

const CID = 'QmP63DkAFEnDYNjDYBpyNDfttu1fvUw99x1brscPzpqmmq'
const PEER = '12D3KooWFBFCDQzAkQSwPZLV883pKdsmb6urQ3sMjfJHUxn5GCVv'
const cid = parseCid(CID)
const NOW_MS = Date.parse('2030-01-02T00:00:00Z')

test('every parameter of a listing is one part of the range', () => {
  const query = [
    'filter=pin,meta-pin',
    'limit=100',
    `after=${CID}`,
    `cid-from=${CID}`,
    `cid-to=${CID}`,
    'name-prefix=a%20b%2F',
    'meta-owner=me',
    'meta-a=',
    `allocation=${PEER}`,
    'older-than=1h30m',
    'newer-than=2029-12-31T23:00:00%2B01:00',
  ].join('&')
  assert.deepEqual(parsePinRange(parseQuery(query), NOW_MS), {
    types: new Set(['pin', 'meta-pin']),
    limit: 100,
    after: cid,
    from: cid,
    to: cid,
    namePrefix: 'a b/',
    metadata: { owner: 'me', a: '' },
    allocation: PEER,
    writtenBeforeMs: Date.parse('2030-01-01T22:30:00Z'),
    writtenSinceMs: Date.parse('2029-12-31T22:00:00Z'),
  })
})

test('what is empty, unknown or not given chooses nothing', () => {
  const query =
    'filter=&limit=&after=&cid-from=&cid-to=&name-prefix=&allocation=&meta-=x&other=1&older-than=&newer-than='
  assert.deepEqual(parsePinRange(parseQuery(query), NOW_MS), {})
  assert.deepEqual(parsePinRange(parseQuery(''), NOW_MS), {})
})

test('a bad value is refused with the name of its parameter', () => {
  const bad: readonly (readonly [string, RegExp])[] = [
    ['limit=0', /^parameter limit invalid: it is a whole number from 1$/],
    ['limit=-1', /^parameter limit invalid/],
    ['limit=1.5', /^parameter limit invalid/],
    ['limit=1e3', /^parameter limit invalid/],
    ['limit=99999999999', /^parameter limit invalid/],
    ['after=foo', /^parameter after invalid: .*"foo" is not a CID/],
    ['cid-from=foo', /^parameter cid-from invalid/],
    ['cid-to=foo', /^parameter cid-to invalid/],
    [`allocation=${CID}x`, /^parameter allocation invalid: .*is not a peer id/],
    ['older-than=yesterday', /^parameter older-than invalid: /],
    ['older-than=-1h', /^parameter older-than invalid: a time span such as 1h is not negative$/],
    ['newer-than=2030-13-01T00:00:00Z', /^parameter newer-than invalid: /],
    ['newer-than=2030-01-01', /^parameter newer-than invalid: /],
    ['filter=foo', /^invalid filter value$/],
  ]
  for (const [query, message] of bad)
    assert.throws(() => parsePinRange(parseQuery(query), NOW_MS), { code: 'INVALID_ARGUMENT', message })
})
