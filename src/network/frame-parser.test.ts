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
  assert.throws(() => [...new FrameParser(10).push(frameHeader(11))], { code: 'TOO_LARGE' })
  const parser = new FrameParser(10)
  assert.deepEqual([...parser.push(endHeader())], [])
  assert.throws(() => [...parser.push(Uint8Array.of(1))], { code: 'INVALID_ARGUMENT' })
})

it('the pieces that a message comes in cost no more than their bytes', () => {
  const time = (bytes: number) => {
    const parser = new FrameParser(bytes)
    const began = process.cpuUsage()
    const piece = Uint8Array.of(7)
    assert.deepEqual([...parser.push(frameHeader(bytes))], [])
    for (let at = 1; at < bytes; at++) assert.equal(parser.push(piece).next().done, true)
    assert.deepEqual([...parser.push(piece)], [new Uint8Array(bytes).fill(7)])
    return process.cpuUsage(began).user
  }
  time(50_000)
  // Four times the pieces take about four times as long; what grows with the square would take sixteen times.
  const [few, many] = [time(100_000), time(400_000)]
  assert.ok(many < 10 * few + 50_000, `${few} and ${many} microseconds`)
})

it('an announced length reserves nothing', () => {
  const before = process.memoryUsage().arrayBuffers
  const parsers = Array.from({ length: 200 }, () => new FrameParser(4 * 1024 * 1024))
  for (const parser of parsers) {
    assert.deepEqual([...parser.push(frameHeader(4 * 1024 * 1024))], [])
    assert.deepEqual([...parser.push(Uint8Array.of(1, 2, 3))], [])
  }
  assert.ok(process.memoryUsage().arrayBuffers - before < 8 * 1024 * 1024)
})
