import assert from 'node:assert/strict'
import { it } from 'node:test'
import * as fc from 'fast-check'
import { concatBytes } from '../lib/bytes.ts'
import { endHeader, FrameParser, frameHeader } from './frame-parser.ts'

it('gives the same messages however the bytes are cut', () => {
  const anyMessages = fc.array(fc.uint8Array({ maxLength: 20 }), { maxLength: 10 })
  fc.assert(
    fc.property(anyMessages, fc.array(fc.integer({ min: 1, max: 7 })), (messages, cuts) => {
      const whole = concatBytes([
        ...messages.flatMap(message => [frameHeader(message.length), message]),
        endHeader(),
      ])
      const parser = new FrameParser(20)
      const found: Uint8Array[] = []
      let at = 0
      for (let turn = 0; at < whole.length; turn++) {
        const end = at + (cuts[turn % cuts.length] ?? 3)
        assert.equal(parser.isEnded, false)
        found.push(...parser.push(whole.subarray(at, end)))
        at = end
      }
      assert.deepEqual(found, messages)
      assert.equal(parser.isEnded, true)
    }),
  )
})

it('refuses a message beyond the limit at its header, and bytes behind the end', () => {
  assert.throws(() => new FrameParser(10).push(frameHeader(11)), { code: 'TOO_LARGE' })
  const parser = new FrameParser(10)
  parser.push(endHeader())
  assert.throws(() => parser.push(Uint8Array.of(1)), { code: 'INVALID_ARGUMENT' })
})
