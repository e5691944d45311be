import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { numberedCid } from '../../test/support/numbered-cid.ts'
import { checkBounds, NO_OPTIONS, type PinOptions } from './pin.ts'
import { parseEntryLine, parsePinLine } from './pin-line.ts'

const HALF = '\ud800'
const ORIGIN = '/dns4/example.org/tcp/4001/p2p/12D3KooWGBfKT1Y2rCPbSoXxBAq7Yhdt38yEQvJFqAGXbLGyxKhv'
const cid = numberedCid(1).toString()

test('a text that could not be read back as it is written is refused by name', () => {
  const cases: readonly (readonly [Partial<PinOptions>, RegExp])[] = [
    [{ name: `a${HALF}` }, /^name is no Unicode text/],
    [{ metadata: { [HALF]: 'x' } }, /^a key of metadata is no Unicode text/],
    [{ metadata: { color: `${HALF}x` } }, /^metadata "color" is no Unicode text/],
    [{ origins: [`/dns4/${HALF}.org/tcp/1${ORIGIN}`] }, /^an origin is no Unicode text/],
  ]
  for (const [options, message] of cases) {
    assert.throws(() => checkBounds({ ...NO_OPTIONS, ...options }), { code: 'INVALID_ARGUMENT', message })
  }
})

test('lines to pin and lines of an export with such texts are refused', () => {
  const texts = [{ name: HALF }, { metadata: { [HALF]: 'x' } }, { metadata: { x: HALF } }]
  for (const said of texts) {
    const line = JSON.stringify({ cid, ...said })
    assert.throws(() => parsePinLine(line, NO_OPTIONS, 0), { code: 'INVALID_ARGUMENT' })
    assert.throws(() => parseEntryLine(line), { code: 'INVALID_ARGUMENT' })
  }
})

test('what is taken has bytes that give the same text again', () => {
  const anyText = fc.string({ unit: 'binary', maxLength: 20 })
  const anyHalves = fc.array(fc.nat(0xffff), { maxLength: 5 }).map(units => String.fromCharCode(...units))
  fc.assert(
    fc.property(fc.oneof(anyText, anyHalves), text => {
      const isKept = Buffer.from(text).toString() === text
      const check = () => checkBounds({ ...NO_OPTIONS, name: text, metadata: { [text]: text } })
      if (isKept) check()
      else assert.throws(check, { code: 'INVALID_ARGUMENT' })
    }),
  )
})
