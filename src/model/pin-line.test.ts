import assert from 'node:assert/strict'
import test from 'node:test'
import { ClusterError } from '../errors.ts'
import { NO_OPTIONS } from './pin.ts'
import { pinJsonSchema } from './pin-json.ts'
import { parseCidLine, parseEntryLine, parsePinLine } from './pin-line.ts'

const CID = 'QmZULkCELmmk5XNfCgTnCyFgAVxBRBXyDHGGMVoLFLiXEN'
const LONG = 200_000
/** Far more than a line of that length needs, far less than the square of its length takes. */
const LINE_MS_MAX = 2000

test('a long line is taken or refused in time that grows with its length, and little is said of it', () => {
  const members = [...Object.keys(Object(pinJsonSchema['properties'])), 'replication', 'expire_in', 'other']
  const texts = ['1', 'Qm2', 'z2', 'k2', '0.', '/p2p/', ' ', '2022-03-01T00:00:00.0'].map(
    text => text + text.slice(-1).repeat(LONG),
  )
  const lines = texts.flatMap(text => [
    text,
    JSON.stringify(text),
    ...members.flatMap(member =>
      [text, [text], { [text]: text }].map(value => JSON.stringify({ cid: CID, [member]: value })),
    ),
  ])
  const parsers = [(line: string) => parsePinLine(line, NO_OPTIONS, 0), parseCidLine, parseEntryLine]
  for (const parse of parsers)
    for (const line of lines) {
      const beganMs = performance.now()
      try {
        parse(line)
      } catch (thrown) {
        assert.ok(thrown instanceof ClusterError && thrown.code === 'INVALID_ARGUMENT', String(thrown))
        assert.ok(
          thrown.message.length < 5000,
          `${thrown.message.length} characters about ${line.slice(0, 100)}`,
        )
      }
      const tookMs = performance.now() - beganMs
      assert.ok(tookMs < LINE_MS_MAX, `${tookMs} ms for ${line.slice(0, 100)}`)
    }
})
