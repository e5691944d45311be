import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import {
  ANYWHERE,
  checkPlacement,
  DISTINCT_KEY,
  EXCLUDE_KEY,
  parseTag,
  parseTagRules,
  placementMetadata,
  placementOf,
  REQUIRE_KEY,
  tagsOf,
} from './placement.ts'

const byDefault = { ...ANYWHERE, require: parseTagRules('region=eu'), distinct: 'zone' }

test('values of one tag are choices, tags count together', () => {
  assert.deepEqual(
    parseTagRules('group=eu,disk=ssd,group=us,note='),
    new Map([
      ['group', new Set(['eu', 'us'])],
      ['disk', new Set(['ssd'])],
      ['note', new Set([''])],
    ]),
  )
  assert.deepEqual(parseTagRules(''), new Map())
})

test('what is no tag is refused with its text', () => {
  for (const text of ['eu', '=eu', 'a b=c', `${'x'.repeat(101)}=a`, `a=${'x'.repeat(1001)}`])
    assert.throws(() => parseTagRules(text), { code: 'INVALID_ARGUMENT' }, text)
  assert.throws(
    () => parseTagRules(Array.from({ length: 33 }, (_, at) => `t${at}=x`).join(',')),
    /more than 32/,
  )
  for (const text of ['', 'a=b', 'a,b', 'a b', 'x'.repeat(101)])
    assert.throws(() => parseTag(text), { code: 'INVALID_ARGUMENT' }, text)
})

test('what a pin says replaces the default of the same kind, an empty text lifts it, the rest stays', () => {
  assert.equal(placementOf({ other: 'x' }, byDefault), byDefault)
  assert.deepEqual(placementOf({ [EXCLUDE_KEY]: 'disk=old' }, byDefault), {
    ...byDefault,
    exclude: new Map([['disk', new Set(['old'])]]),
  })
  assert.deepEqual(placementOf({ [REQUIRE_KEY]: '', [DISTINCT_KEY]: '' }, byDefault), ANYWHERE)
})

test('metadata that is no placement is refused when pinned, and passed over when found', () => {
  for (const wrong of [{ [REQUIRE_KEY]: 'eu' }, { [EXCLUDE_KEY]: '=' }, { [DISTINCT_KEY]: 'a b' }]) {
    assert.throws(() => checkPlacement(wrong), { code: 'INVALID_ARGUMENT' })
    assert.deepEqual(placementOf(wrong, byDefault), byDefault)
  }
  fc.assert(
    fc.property(fc.dictionary(fc.constantFrom(REQUIRE_KEY, EXCLUDE_KEY, DISTINCT_KEY), fc.string()), said => {
      placementOf(said, byDefault)
    }),
  )
})

test('what is asked for is read back from the metadata', () => {
  const asked = { require: 'group=eu', exclude: undefined, distinct: 'rack' }
  const placement = placementOf(placementMetadata(asked), ANYWHERE)
  assert.deepEqual(tagsOf(placement), ['group', 'rack'])
  assert.deepEqual(placementMetadata({ require: undefined, exclude: undefined, distinct: undefined }), {})
})
