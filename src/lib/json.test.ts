import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { formatJson, parseJson } from './json.ts'

test('64-bit integers keep every digit, there and back', () => {
  const wide = fc.bigInt({ min: 2n ** 53n, max: 2n ** 63n })
  fc.assert(
    fc.property(wide, value => {
      assert.equal(formatJson({ value }), `{"value":${value}}`)
      assert.deepEqual(parseJson(formatJson({ value })), { value })
    }),
  )
})

test('everything else is what JSON.parse makes of it', () => {
  const narrow = (_key: string, value: unknown) => (typeof value === 'bigint' ? Number(value) : value)
  const same = (text: string) =>
    assert.equal(JSON.stringify(parseJson(text), narrow), JSON.stringify(JSON.parse(text)))
  fc.assert(fc.property(fc.json(), same))
  assert.deepEqual(parseJson('{"a":1.7e18,"b":"1646136030123456789"}'), {
    a: 1.7e18,
    b: '1646136030123456789',
  })
})

test('bigints are literals at any depth and with indentation', () => {
  assert.equal(formatJson([{ expire: 5n }], 4), '[\n    {\n        "expire": 5\n    }\n]')
})
