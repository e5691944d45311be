import assert from 'node:assert/strict'
import test from 'node:test'
import { fromText } from '../config/environment.ts'
import { fits } from '../config/setting.ts'
import { webhooksSchema } from './config.ts'

test('the environment gives webhooks as JSON, and nothing else is taken', () => {
  const { hooks } = webhooksSchema.properties
  const wanted = [{ url: 'https://example.org/hook', secret: '0123456789abcdef', kinds: ['pin'] }]
  assert.deepEqual(fromText(hooks, JSON.stringify(wanted)), wanted)
  assert.throws(() => fromText(hooks, '[{'), { code: 'INVALID_ARGUMENT' })
  for (const text of [
    '[{"url":"https://example.org"}]',
    '[{"url":"ftp://x","secret":"0123456789abcdef"}]',
    '[{"url":"https://example.org","secret":"0123456789abcdef","kind":["pin"]}]',
  ]) {
    assert.ok(!fits(hooks, fromText(hooks, text)), text)
  }
})
