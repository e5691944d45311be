import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { CID } from 'multiformats/cid'
import { create as createMultihash } from 'multiformats/hashes/digest'
import { rawBlock, sampleBytes } from '../../../../test/support/sample-dag.ts'
import { equalBytes } from '../../../lib/bytes.ts'
import { FrameCutter, frame } from './frames.ts'
import { decodeMessage, encodeMessage } from './message.ts'

const cids = fc
  .tuple(fc.uint8Array({ minLength: 32, maxLength: 32 }), fc.constantFrom(0x55, 0x70, 0x71))
  .map(([digest, codec]) => CID.createV1(codec, createMultihash(0x12, digest)))

test('a message reads as it was written', async () => {
  const block = await rawBlock(sampleBytes(5000, 'block'))
  const wants = fc.array(
    fc.record({
      cid: cids,
      kind: fc.constantFrom('block' as const, 'have' as const, undefined),
      isAnsweredAlways: fc.boolean(),
    }),
    { maxLength: 50 },
  )
  const presences = fc.array(fc.record({ cid: cids, isHad: fc.boolean() }), { maxLength: 50 })
  fc.assert(
    fc.property(wants, presences, fc.boolean(), (wants, presences, isFullList) => {
      const read = decodeMessage(encodeMessage({ isFullList, wants, presences, blocks: [block] }))
      assert.equal(read.isFullList, isFullList)
      assert.deepEqual(read.wants.map(show), wants.map(show))
      assert.deepEqual(read.presences.map(show), presences.map(show))
      assert.equal(read.blocks[0]?.cid.toString(), block.cid.toString())
      assert.ok(equalBytes(read.blocks[0]?.bytes ?? new Uint8Array(), block.bytes))
    }),
  )
})

test('a block goes by what its bytes hash to, and by no hash function that merely repeats them', async () => {
  const block = await rawBlock(sampleBytes(100, 'true'))
  const lie = { cid: block.cid, bytes: sampleBytes(100, 'false') }
  const [read] = decodeMessage(
    encodeMessage({ isFullList: false, wants: [], presences: [], blocks: [lie] }),
  ).blocks
  assert.notEqual(read?.cid.toString(), block.cid.toString())
  // Bytes equal to the digest of another block, sent under the identity hash.
  const { digest } = block.cid.multihash
  const poison = { cid: CID.createV1(0x55, createMultihash(0, digest)), bytes: digest }
  const message = encodeMessage({ isFullList: false, wants: [], presences: [], blocks: [poison] })
  assert.deepEqual(decodeMessage(message).blocks, [])
})

test('CIDs that are too long for any hash are passed over, and the others are read', async () => {
  const { cid } = await rawBlock(sampleBytes(100, 'wanted'))
  const long = CID.createV1(0x55, createMultihash(0, sampleBytes(5000, 'inline')))
  const wants = [long, cid].map(each => ({ cid: each, kind: 'block' as const, isAnsweredAlways: true }))
  const presences = [long, cid].map(each => ({ cid: each, isHad: true }))
  const read = decodeMessage(encodeMessage({ isFullList: false, wants, blocks: [], presences }))
  assert.deepEqual(
    read.wants.map(want => want.cid.toString()),
    [cid.toString()],
  )
  assert.deepEqual(
    read.presences.map(presence => presence.cid.toString()),
    [cid.toString()],
  )
})

test('damaged bytes throw or read as some message, and never hang', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), bytes => {
      try {
        decodeMessage(bytes)
      } catch (thrown) {
        assert.ok(thrown instanceof Error)
      }
    }),
  )
})

test('messages come out of a stream as they went in, however it is cut', () => {
  const messages = fc.array(fc.uint8Array({ maxLength: 400 }), { minLength: 1, maxLength: 10 })
  fc.assert(
    fc.property(messages, fc.integer({ min: 1, max: 300 }), (messages, step) => {
      const stream = Buffer.concat(messages.map(frame))
      const cutter = new FrameCutter()
      const read: Uint8Array[] = []
      for (let at = 0; at < stream.length; at += step)
        read.push(...cutter.push(stream.subarray(at, at + step)))
      assert.deepEqual(
        read.map(bytes => Buffer.from(bytes).toString('hex')),
        messages.map(bytes => Buffer.from(bytes).toString('hex')),
      )
    }),
  )
})

test('a message that comes byte by byte takes hardly more memory than it is long', () => {
  const stream = frame(new Uint8Array(1_000_000))
  const cutter = new FrameCutter()
  const before = process.memoryUsage()
  for (let at = 0; at < stream.length - 1; at++) assert.equal(cutter.push(stream.slice(at, at + 1)).length, 0)
  const after = process.memoryUsage()
  const moreBytes = after.heapUsed + after.arrayBuffers - before.heapUsed - before.arrayBuffers
  assert.ok(moreBytes < 50_000_000, `${moreBytes} bytes`)
  assert.equal(cutter.push(stream.slice(-1)).length, 1)
})

test('a message that is announced as too long is refused before it is gathered', () => {
  assert.throws(() => new FrameCutter().push(Uint8Array.of(0xff, 0xff, 0xff, 0x7f)))
})

function show(value: { readonly cid: CID }): string {
  return JSON.stringify({ ...value, cid: value.cid.toString() })
}
