import assert from 'node:assert/strict'
import test from 'node:test'
import { encode } from '@ipld/dag-cbor'
import fc from 'fast-check'
import { createIdentity } from '../model/identity.ts'
import { decodeHeartbeat, encodeHeartbeat, type Heartbeat, isSendable } from './heartbeat.ts'

const identity = createIdentity()
const other = createIdentity()

function beat(options: Partial<Heartbeat> = {}): Heartbeat {
  return {
    peer: identity.id,
    boot: '0123456789abcdef',
    sequence: 1,
    sentAtMs: 1_700_000_000_000,
    intervalMs: 2000,
    hello: { peername: 'one', ipfsId: undefined, ipfsAddresses: ['/dns4/a.example/tcp/4001'] },
    measures: [
      { name: 'freespace', value: '5', weight: 5, isPartitionable: false, isValid: true, ttlMs: 30_000 },
    ],
    ...options,
  }
}

const decoded = (bytes: Uint8Array, from = identity.id) => decodeHeartbeat(bytes, from, 'c')

test('what is sent is what is read', () => {
  assert.deepEqual(decoded(encodeHeartbeat(beat(), 'c', identity)), beat())
})

test('a heartbeat counts only from its subject, signed by it, for this cluster', () => {
  assert.equal(decoded(encodeHeartbeat(beat(), 'c', identity), other.id), 'not_its_own')
  assert.equal(decoded(encodeHeartbeat(beat(), 'c', other)), 'bad_signature')
  assert.equal(decoded(encodeHeartbeat(beat(), 'another', identity)), 'bad_signature')
})

test('a changed byte is noticed', () => {
  const bytes = encodeHeartbeat(beat(), 'c', identity)
  fc.assert(
    fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
      const changed = bytes.slice()
      changed[at] = (changed[at] ?? 0) ^ change
      assert.equal(typeof decoded(changed), 'string')
    }),
  )
})

test('whatever arrives is refused without a throw', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), bytes => typeof decoded(bytes) === 'string'))
  assert.equal(decoded(new Uint8Array(65_537)), 'too_large')
  assert.equal(decoded(new Uint8Array(60_000).fill(0x81)), 'malformed')
})

test('absurd values are refused although they are signed', () => {
  const [measure] = beat().measures
  assert.ok(measure !== undefined)
  const sent = (options: object) => {
    const { hello, ...rest } = beat()
    const body = encode({ ...rest, ...hello, ipfsId: null, version: 1, ...options })
    const signed = Buffer.concat([Buffer.from('pinfold heartbeat 1 c\n'), body])
    return decoded(encode([body, identity.sign(signed)]))
  }
  assert.equal(typeof sent({}), 'object')
  for (const options of [
    { measures: Array.from({ length: 65 }, () => measure) },
    { measures: [{ ...measure, weight: 1e300 }] },
    { measures: [{ ...measure, weight: 'much' }] },
    { measures: [{ ...measure, ttlMs: -1 }] },
    { measures: [{ ...measure, value: 'x'.repeat(4097) }] },
    { measures: [{ ...measure, name: '' }] },
    { intervalMs: 0 },
    { intervalMs: 1e12 },
    { sequence: -1 },
    { sequence: 1.5 },
    { version: 2 },
  ]) {
    assert.equal(sent(options), 'malformed', JSON.stringify(options).slice(0, 80))
  }
})

test('a measure that others would refuse is not sent', () => {
  const [measure] = beat().measures
  assert.ok(measure !== undefined && isSendable(measure))
  assert.equal(isSendable({ ...measure, weight: Number.NaN }), false)
  assert.equal(isSendable({ ...measure, weight: Number.POSITIVE_INFINITY }), false)
  assert.equal(isSendable({ ...measure, isValid: false }), false)
})
