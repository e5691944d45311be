import assert from 'node:assert/strict'
import { test } from 'node:test'
import { textSink } from '../../test/support/text-sink.ts'
import { openOutput } from './output.ts'

test('text without an end of line gets one on a terminal only, so that the prompt does not follow it', async () => {
  for (const [columns, expected] of [
    [80, '}\n'],
    [undefined, '}'],
  ] as const) {
    const stdout = textSink(columns)
    await openOutput('text', stdout, textSink(), {}).raw('}')
    assert.equal(stdout.text, expected)
  }
})
