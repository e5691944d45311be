import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { CID } from 'multiformats/cid'
import { create } from 'multiformats/hashes/digest'
import { ClusterError } from '../errors.ts'
import { parseCid } from './cid.ts'
import { usualCidBytes } from './cid-text.ts'

const digest = fc.uint8Array({ minLength: 32, maxLength: 32 }).map(bytes => create(0x12, bytes))
const usual = fc.oneof(
  digest.map(hash => CID.createV0(hash)),
  fc.tuple(fc.constantFrom(0x55, 0x70, 0x71), digest).map(([codec, hash]) => CID.createV1(codec, hash)),
)

/** A CID of a text, or nothing when it is refused. */
function outcome(parse: (text: string) => CID): (text: string) => string | undefined {
  return text => {
    try {
      return Buffer.from(parse(text).bytes).toString('hex')
    } catch (thrown) {
      assert.ok(thrown instanceof Error)
      return undefined
    }
  }
}
const ours = outcome(parseCid)
const library = outcome(text => CID.parse(text))

test('the usual texts stand for the bytes that the library finds, without asking it', () => {
  fc.assert(
    fc.property(usual, cid => {
      assert.deepEqual(usualCidBytes(cid.toString()), cid.bytes)
      assert.ok(parseCid(cid.toString()).equals(cid))
    }),
  )
})

test('texts with a wrong character are taken or refused as by the library', () => {
  const character = fc.oneof(fc.constantFrom('0', '1', 'z', 'A', 'O', 'l', 'é', '/', '\ud800'), fc.string())
  fc.assert(
    fc.property(usual, fc.nat(60), character, (cid, at, put) => {
      const text = cid.toString()
      const changed = text.slice(0, at) + put + text.slice(at + 1)
      assert.equal(ours(changed), library(changed), changed)
    }),
    { numRuns: 2000 },
  )
})

test('a text whose last bits are too many for its bytes is refused as by the library', () => {
  fc.assert(
    fc.property(digest, hash => {
      const text = CID.createV1(0x55, hash).toString()
      for (const last of 'abcdefghijklmnopqrstuvwxyz234567') {
        const changed = text.slice(0, -1) + last
        assert.equal(ours(changed), library(changed), changed)
      }
    }),
  )
  const most = `Qm${'z'.repeat(44)}`
  assert.equal(ours(most), library(most))
  assert.throws(() => parseCid(most), ClusterError)
})
