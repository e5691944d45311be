import assert from 'node:assert/strict'
import { it } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { ask, type MessageStream } from './exchange.ts'

setFlagsFromString('--expose-gc')
const collectGarbage: () => void = runInNewContext('gc')

it('messages that were sent are let go of while the request goes on', async () => {
  const sent: WeakRef<Uint8Array>[] = []
  const allSent = Promise.withResolvers<void>()
  const ending = new AbortController()
  const closed = new AbortController()
  const stream: MessageStream = {
    closed: closed.signal,
    send: async message => void sent.push(new WeakRef(message)),
    endSend: async () => undefined,
    async *receive() {
      await allSent.promise
      yield Uint8Array.of(1)
    },
    stopReceiving: () => undefined,
    reset: reason => closed.abort(reason),
  }
  const forEver = Promise.withResolvers<never>()
  async function* input() {
    for (let count = 0; count < 100; count++) yield new Uint8Array(1000)
    allSent.resolve()
    yield await forEver.promise
  }
  const onLateError = (thrown: unknown) => assert.fail(String(thrown))
  for await (const _answer of ask(stream, input(), { signal: ending.signal, onLateError })) {
    // Weak references hold what they refer to until the present turn of the event loop is over.
    await new Promise(resolve => setImmediate(resolve))
    collectGarbage()
    const held = sent.filter(message => message.deref() !== undefined).length
    assert.ok(held < 10, `${held} of ${sent.length} messages are held`)
    break
  }
  assert.equal(sent.length, 100)
})
