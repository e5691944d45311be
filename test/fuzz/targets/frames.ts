import assert from 'node:assert/strict'
import { concatBytes } from '../../../src/lib/bytes.ts'
import type { Random } from '../../../src/lib/random.ts'
import { endHeader, FrameParser, frameHeader } from '../../../src/network/frame-parser.ts'
import { outcomeOf } from '../drive.ts'
import { Mutator } from '../mutate.ts'
import type { Session, Target } from '../target.ts'

/** The bytes of a stream, cut anywhere. */
export const framesTarget: Target = { name: 'frames', weight: 1, open: async random => open(random) }

const MESSAGE_BYTES_MAX = 1000

function open(random: Random): Session {
  const mutator = new Mutator(random)
  const feed = () => {
    const messages = Array.from({ length: mutator.below(5) }, () => random.bytes(mutator.below(300)))
    const valid = concatBytes([
      ...messages.flatMap(message => [frameHeader(message.length), message]),
      endHeader(),
    ])
    const bytes = mutator.chance(0.3) ? valid : mutator.bytes(valid)
    return outcomeOf(() => {
      const parser = new FrameParser(MESSAGE_BYTES_MAX)
      const found: Uint8Array[] = []
      for (let at = 0; at < bytes.length; ) {
        const end = at + 1 + mutator.below(mutator.chance(0.5) ? 4 : 400)
        for (const message of parser.push(bytes.subarray(at, end))) found.push(message)
        at = end
      }
      // Every message stands in the input with its header, one behind the other.
      let at = 0
      for (const message of found) {
        const framed = concatBytes([frameHeader(message.length), message])
        assert.ok(message.length <= MESSAGE_BYTES_MAX)
        assert.deepEqual(bytes.subarray(at, at + framed.length), framed)
        at += framed.length
      }
    })
  }
  return { feed, check: async () => undefined, [Symbol.asyncDispose]: async () => undefined }
}
