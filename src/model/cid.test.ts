import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { base16 } from 'multiformats/bases/base16'
import { base32 } from 'multiformats/bases/base32'
import { base36 } from 'multiformats/bases/base36'
import { base58btc } from 'multiformats/bases/base58'
import { CID } from 'multiformats/cid'
import { create } from 'multiformats/hashes/digest'
import { ClusterError } from '../errors.ts'
import { cidFromBytes, formatCid, parseCid } from './cid.ts'
import { parsePeerId, peerIdBytes } from './peer.ts'

const sha256 = fc.uint8Array({ minLength: 32, maxLength: 32 })
const anyCid = fc.oneof(
  sha256.map(digest => CID.createV0(create(0x12, digest))),
  fc
    .tuple(fc.constantFrom(0x55, 0x70, 0x71, 0x72, 0x129, 0xb240), sha256)
    .map(([codec, digest]) => CID.createV1(codec, create(0x12, digest))),
  fc
    .tuple(fc.constantFrom(0x55, 0x70), fc.constantFrom(0, 0x13, 0xb220), fc.uint8Array({ maxLength: 64 }))
    .map(([codec, hash, digest]) => CID.createV1(codec, create(hash, digest))),
)

test('bytes and texts of CIDs are read and written as by the library', () => {
  fc.assert(
    fc.property(anyCid, cid => {
      const read = cidFromBytes(cid.bytes)
      assert.ok(read.equals(cid))
      assert.deepEqual(read, CID.decode(cid.bytes))
      assert.equal(formatCid(read), cid.toString())
      assert.ok(parseCid(formatCid(read)).equals(cid))
    }),
  )
})

test('bytes that are no CID are refused, whatever they are', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), bytes => {
      const outcome = (read: () => unknown) => {
        try {
          return read()
        } catch (thrown) {
          return thrown instanceof ClusterError ? thrown.code : 'INVALID_ARGUMENT'
        }
      }
      assert.deepEqual(
        outcome(() => cidFromBytes(bytes)),
        outcome(() => CID.decode(bytes)),
      )
    }),
  )
})

test('a text that is too long is refused before the time that grows with the square of its length is spent on it', () => {
  const longest = CID.createV1(0x55, create(0, new Uint8Array(507)))
  assert.equal(longest.bytes.length, 512)
  for (const base of [base16, base36, base58btc, base32]) {
    assert.ok(parseCid(longest.toString(base)).equals(longest))
    const text = `${base.prefix}${'2'.repeat(1_000_000)}`
    assert.throws(() => parseCid(text), { code: 'INVALID_ARGUMENT', message: /more than 1025 characters/ })
  }
  for (const prefix of ['Qm', '1', 'k', 'b'])
    assert.throws(() => parsePeerId(`${prefix}${'2'.repeat(1_000_000)}`), { code: 'INVALID_ARGUMENT' })
  assert.throws(() => peerIdBytes('2'.repeat(1_000_000)), { code: 'INVALID_ARGUMENT' })
})
