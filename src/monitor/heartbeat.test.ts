import assert from 'node:assert/strict'
import test from 'node:test'
import { encode } from '@ipld/dag-cbor'
import fc from 'fast-check'
import { createIdentity } from '../model/identity.ts'
import { decodeHeartbeat, encodeHeartbeat, type Heartbeat, isSendable, untimeliness } from './heartbeat.ts'

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
    missed: [other.id],
    isLeaving: false,
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
    { measures: [{ ...measure, weight: 'much' }] },
    { measures: [{ ...measure, isValid: false }] },
    { boot: 'short' },
    { version: 2 },
    { isLeaving: 1 },
    { missed: [1] },
  ]) {
    assert.equal(sent(options), 'malformed', JSON.stringify(options).slice(0, 80))
  }
  const other = { ...measure, name: 'pinqueue', weight: -5 }
  assert.equal(typeof sent({ measures: [measure, other] }), 'object')
  for (const options of [
    { measures: Array.from({ length: 65 }, () => measure) },
    { measures: [{ ...measure, weight: 1e300 }] },
    { measures: [{ ...measure, weight: -1 }] },
    { measures: [{ ...measure, value: '-1' }] },
    { measures: [{ ...measure, value: 'NaN' }] },
    { measures: [measure, measure] },
    { measures: [{ ...measure, name: 'ping', ttlMs: 86_400_000 }] },
    { measures: [{ ...measure, ttlMs: -1 }] },
    { measures: [{ ...measure, ttlMs: 1e9 }] },
    { measures: [{ ...measure, value: 'x'.repeat(4097) }] },
    { measures: [{ ...measure, name: '' }] },
    { intervalMs: 1 },
    { intervalMs: 86_400_000 },
    { sequence: -1 },
    { sequence: 1.5 },
    { peername: 'x'.repeat(1025) },
    { ipfsAddresses: Array.from({ length: 65 }, () => '/ip4/10.0.0.1/tcp/1') },
    { missed: Array.from({ length: 129 }, () => 'peer') },
  ]) {
    assert.equal(sent(options), 'absurd', JSON.stringify(options).slice(0, 80))
  }
})

test('a million tags are too large to be looked into, and no number that is none gets through', () => {
  const tags = Array.from({ length: 1_000_000 }, (_, at) => `t${at}`)
  assert.equal(decoded(encode([encode({ tags }), new Uint8Array(64)])), 'too_large')
  // DAG-CBOR knows neither NaN nor infinity: the half-precision float of NaN in the place of a value.
  const bytes = encodeHeartbeat(beat({ sentAtMs: 1.5 }), 'c', identity)
  const at = Buffer.from(bytes).indexOf(Buffer.from('fb3ff8000000000000', 'hex'))
  assert.ok(at > 0)
  bytes.set(Buffer.from('fb7ff8000000000000', 'hex'), at)
  assert.equal(decoded(bytes), 'malformed')
})

test('a heartbeat is of this time only within the bound', () => {
  const at = (sentAtMs: number) => untimeliness(beat({ sentAtMs }), 1_700_000_000_000, 60_000)
  assert.equal(at(1_700_000_000_000 - 60_000), undefined)
  assert.equal(at(1_700_000_000_000 + 60_000), undefined)
  assert.equal(at(1_700_000_000_000 - 60_001), 'from_the_past')
  assert.equal(at(1_700_000_000_000 + 60_001), 'from_the_future')
})

test('a measure that others would refuse is not sent', () => {
  const [measure] = beat().measures
  assert.ok(measure !== undefined && isSendable(measure))
  assert.equal(isSendable({ ...measure, weight: Number.NaN }), false)
  assert.equal(isSendable({ ...measure, weight: Number.POSITIVE_INFINITY }), false)
  assert.equal(isSendable({ ...measure, isValid: false }), false)
})
