import assert from 'node:assert/strict'
import { it } from 'node:test'
import { encode } from '@ipld/dag-cbor'
import { numberedCid } from '../../test/support/numbered-cid.ts'
import { ANSWER_BYTES_MAX, answerFromBytes, CALL_BYTES_MAX, CODECS, callFromBytes } from './codec.ts'

/** A map with text keys and values in CBOR, by hand: the library does not write every map that it reads. */
function mapOf(entries: Readonly<Record<string, string>>): Uint8Array {
  const text = (value: string) => [0x60 + value.length, ...Buffer.from(value)]
  const pairs = Object.entries(entries)
  return Uint8Array.from([
    0xa0 + pairs.length,
    ...pairs.flatMap(([key, value]) => [...text(key), ...text(value)]),
  ])
}

function inputOf(procedure: 'status', wire: unknown): unknown {
  const { input } = CODECS[procedure]
  return input.value.fromWire(wire)
}

it('a map that pretends to be a CID is none', async () => {
  const { fromBytes } = await import('./codec.ts')
  const pretender = fromBytes(mapOf({ '/': 'x', bytes: 'x', code: 'y' }))
  assert.throws(() => inputOf('status', { cid: pretender }), { code: 'INVALID_ARGUMENT' })
  assert.deepEqual(inputOf('status', { cid: numberedCid(1) }), { cid: numberedCid(1) })
})

it('only a map passes for a map, and no byte string is taken apart into entries', () => {
  const bytes = new Uint8Array(CALL_BYTES_MAX - 16)
  const before = process.memoryUsage().heapUsed
  for (const wire of [bytes, [], null, 7, 'text', numberedCid(1)]) {
    assert.throws(() => callFromBytes(encode(wire)), { code: 'INVALID_ARGUMENT' })
    assert.throws(() => answerFromBytes(encode({ error: wire })), { code: 'INVALID_ARGUMENT' })
  }
  const error = { code: 'NOT_FOUND', message: 'm', details: bytes }
  assert.throws(() => answerFromBytes(encode({ error })), { code: 'INVALID_ARGUMENT' })
  assert.ok(process.memoryUsage().heapUsed - before < 8 * 1024 * 1024)
})

it('calls and answers beyond their size are refused before they are read', () => {
  const bytes = (length: number) => new Uint8Array(length)
  assert.throws(() => callFromBytes(bytes(CALL_BYTES_MAX + 1)), { code: 'TOO_LARGE' })
  assert.throws(() => answerFromBytes(bytes(ANSWER_BYTES_MAX + 1)), { code: 'TOO_LARGE' })
})
