import assert from 'node:assert/strict'
import { it } from 'node:test'
import { virtualClock } from '../../test/support/virtual-clock.ts'
import { ClusterError } from '../errors.ts'
import type { Network } from '../interfaces.ts'
import { unlessAborted } from '../lib/unless-aborted.ts'
import { createIdentity } from '../model/identity.ts'
import { CallLine } from './call-line.ts'
import { RPC_CONFIG } from './config.ts'
import { callsFromBytes } from './line-codec.ts'

const PEER = createIdentity().id
const toTimeout = () => new ClusterError('TIMEOUT', 'no answer in time')

/** A line to a peer that takes nothing until it is let go on, and then only counts what comes. */
function openLine() {
  const went = Promise.withResolvers<void>()
  const taken = { calls: 0, cancels: 0 }
  const request: Network['request'] = async function* (_to, _protocol, input, { signal }) {
    yield* []
    await unlessAborted(went.promise, signal)
    const messages = input[Symbol.asyncIterator]()
    while (true) {
      const { done, value } = await unlessAborted(messages.next(), signal)
      if (done === true) return
      const { calls, cancels } = callsFromBytes(value)
      taken.calls += calls.length
      taken.cancels += cancels.length
    }
  }
  const line = new CallLine({ network: { request }, clock: virtualClock(), protocol: 'p' }, RPC_CONFIG, PEER)
  return { line, taken, goOn: () => went.resolve() }
}

it('calls that are given up before they went out do not go out, however long a peer stands still', async () => {
  const { line, taken, goOn } = openLine()
  const reason = new DOMException('enough', 'AbortError')
  for (let round = 0; round < 20; round++) {
    const giving = new AbortController()
    const calls = Array.from({ length: 100 }, () => line.call(new Uint8Array(10), giving.signal, toTimeout))
    giving.abort(reason)
    const outcomes = await Promise.allSettled(calls)
    assert.ok(outcomes.every(outcome => outcome.status === 'rejected' && outcome.reason === reason))
  }
  const last = line.call(new Uint8Array(10), new AbortController().signal, toTimeout)
  const refused = assert.rejects(last)
  goOn()
  while (taken.calls === 0) await new Promise(resolve => setImmediate(resolve))
  assert.deepEqual(taken, { calls: 1, cancels: 0 })
  line.close(reason)
  await refused
})

it('calls to a peer that does not answer are refused once they hold 16 MiB, and taken again when some are given up', async () => {
  const { line, goOn } = openLine()
  const giving = new AbortController()
  const large = new Uint8Array(1024 * 1024)
  const calls = Array.from({ length: 16 }, () => line.call(large, giving.signal, toTimeout))
  const settled = Promise.allSettled(calls)
  await assert.rejects(line.call(large, giving.signal, toTimeout), { code: 'PEER_UNREACHABLE' })
  giving.abort(new DOMException('enough', 'AbortError'))
  await settled
  const again = assert.rejects(line.call(large, new AbortController().signal, toTimeout), {
    name: 'AbortError',
  })
  line.close(new DOMException('closed', 'AbortError'))
  goOn()
  await again
})
