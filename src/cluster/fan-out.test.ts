import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ClusterError } from '../errors.ts'
import { fanOut } from './fan-out.ts'

const signal = new AbortController().signal
const peers = (count: number) => Array.from({ length: count }, (_, at) => `p${at}`)

test('answers come as they are given, one for each peer, failures included', async () => {
  const gate = Promise.withResolvers<void>()
  const seen: string[] = []
  const ask = async (peer: string) => {
    if (peer === 'p0') await gate.promise
    if (peer === 'p1') throw new ClusterError('PEER_UNREACHABLE', 'gone')
    return peer
  }
  for await (const answer of fanOut(peers(3), ask, { signal, limitMs: 5000 })) {
    seen.push('error' in answer ? `${answer.peer}: ${answer.error.code}` : answer.value)
    if (seen.length === 2) gate.resolve()
  }
  assert.deepEqual(seen.slice(0, 2).sort(), ['p1: PEER_UNREACHABLE', 'p2'])
  assert.equal(seen[2], 'p0')
})

test('a peer that refuses to be asked is left out', async () => {
  const ask = async () => {
    throw new ClusterError('FORBIDDEN', 'not trusted')
  }
  for await (const answer of fanOut(peers(2), ask, { signal, limitMs: 5000 }))
    assert.fail(`${answer.peer} answered`)
})

test('a peer that does not answer is given up after its limit, even if it does not heed the signal', async () => {
  const ask = () => new Promise<never>(() => undefined)
  for await (const answer of fanOut(['p0'], ask, { signal, limitMs: 20 })) {
    assert.ok('error' in answer)
    assert.equal(answer.error.code, 'TIMEOUT')
    assert.match(answer.error.message, /p0/)
  }
})

test('no more than 64 peers are asked at once', async () => {
  let running = 0
  let most = 0
  const ask = async () => {
    most = Math.max(most, ++running)
    await new Promise(resolve => setImmediate(resolve))
    running--
  }
  let answers = 0
  for await (const _answer of fanOut(peers(200), ask, { signal, limitMs: 5000 })) answers++
  assert.equal(answers, 200)
  assert.ok(most <= 64, `${most} at once`)
})

test('a stopped question throws the reason, and one that nobody reads on stops the peers', async () => {
  const stopping = new AbortController()
  const ask = (_peer: string, options: { signal: AbortSignal }) =>
    new Promise<never>((_resolve, reject) =>
      options.signal.addEventListener('abort', () => reject(options.signal.reason), { once: true }),
    )
  const waiting = fanOut(['p0'], ask, { signal: stopping.signal, limitMs: 5000 }).next()
  stopping.abort(new Error('enough'))
  await assert.rejects(waiting, /enough/)
  let isStopped = false
  const askEither = async (peer: string, options: { signal: AbortSignal }) => {
    options.signal.addEventListener('abort', () => {
      isStopped = true
    })
    return peer === 'p0' ? undefined : new Promise<never>(() => undefined)
  }
  for await (const _answer of fanOut(['p0', 'p1'], askEither, { signal, limitMs: 5000 })) break
  assert.ok(isStopped)
})
