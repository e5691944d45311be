import assert from 'node:assert/strict'
import { it } from 'node:test'
import fc from 'fast-check'
import { numberedCid } from '../../test/support/numbered-cid.ts'
import { toPin } from '../model/pin.ts'
import { PIN_STATUSES, type PinInfo } from '../model/pin-status.ts'
import { plainInfoFromBytes, plainInfoToBytes } from './plain-info.ts'

const cid = numberedCid(1)
const plain: PinInfo = {
  cid,
  status: 'pinned',
  timestampMs: 1_700_000_000_123,
  error: '',
  attemptCount: 0,
  isPriority: false,
  pin: toPin(cid),
}

it('a plain state comes back as it was', () => {
  const pins = fc.record({
    name: fc.string({ unit: 'grapheme' }),
    timestampMs: fc.nat({ max: Number.MAX_SAFE_INTEGER }),
    replicationMin: fc.integer(),
    replicationMax: fc.integer(),
    allocations: fc.array(fc.string(), { maxLength: 4 }),
  })
  const infos = fc.record({
    status: fc.constantFrom(...PIN_STATUSES),
    timestampMs: fc.nat({ max: Number.MAX_SAFE_INTEGER }),
    pin: fc.option(
      pins.map(fields => toPin(cid, fields)),
      { nil: undefined },
    ),
  })
  fc.assert(
    fc.property(infos, fields => {
      const info = { ...plain, ...fields }
      const bytes = plainInfoToBytes(info)
      assert.ok(bytes !== undefined)
      assert.deepEqual(plainInfoFromBytes(bytes), info)
    }),
  )
})

it('a state with anything else to tell is not plain', () => {
  const unusual: Partial<PinInfo>[] = [
    { error: 'it failed' },
    { attemptCount: 1 },
    { isPriority: true },
    { reason: 'TIMEOUT' },
    { timestampMs: 0.5 },
    { timestampMs: -1 },
    { pin: toPin(numberedCid(2)) },
    { pin: toPin(cid, { mode: 'direct' }) },
    { pin: toPin(cid, { type: 'meta-pin', reference: cid }) },
    { pin: toPin(cid, { metadata: { a: 'b' } }) },
    { pin: toPin(cid, { expireAtMs: 1 }) },
    { pin: toPin(cid, { origins: ['/ip4/1.2.3.4/tcp/1'] }) },
    { pin: toPin(cid, { pinUpdate: cid }) },
    { pin: toPin(cid, { shardSizeBytes: 1 }) },
    { pin: toPin(cid, { userAllocations: ['a'] }) },
  ]
  for (const fields of unusual) assert.equal(plainInfoToBytes({ ...plain, ...fields }), undefined)
})

it('bytes that are cut, changed or too long are refused with INVALID_ARGUMENT or are another plain state', () => {
  const bytes = plainInfoToBytes(plain) ?? new Uint8Array()
  const isFine = (changed: Uint8Array) => {
    try {
      return plainInfoToBytes(plainInfoFromBytes(changed)) !== undefined
    } catch (thrown) {
      return thrown instanceof Error && 'code' in thrown && thrown.code === 'INVALID_ARGUMENT'
    }
  }
  for (let length = 0; length < bytes.length; length++) {
    assert.throws(() => plainInfoFromBytes(bytes.subarray(0, length)), { code: 'INVALID_ARGUMENT' })
  }
  assert.throws(() => plainInfoFromBytes(Uint8Array.from([...bytes, 0])), { code: 'INVALID_ARGUMENT' })
  const index = fc.nat({ max: bytes.length - 1 })
  fc.assert(
    fc.property(index, fc.nat({ max: 255 }), (at, byte) => {
      assert.ok(isFine(bytes.with(at, byte)))
    }),
  )
})
