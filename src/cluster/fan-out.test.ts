import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { test } from 'node:test'
import { virtualClock } from '../../test/support/virtual-clock.ts'
import { ClusterError } from '../errors.ts'
import { systemClock as clock } from '../lib/clock.ts'
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
  for await (const answer of fanOut(peers(3), ask, { signal, clock, limitMs: 5000 })) {
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
  for await (const answer of fanOut(peers(2), ask, { signal, clock, limitMs: 5000 }))
    assert.fail(`${answer.peer} answered`)
})

test('a peer that does not answer is given up after its limit, even if it does not heed the signal', async () => {
  const time = virtualClock()
  const ask = () => new Promise<never>(() => undefined)
  const found: unknown[] = []
  const asking = (async () => {
    for await (const answer of fanOut(['p0'], ask, { signal, clock: time, limitMs: 15_000 }))
      found.push('error' in answer ? [answer.error.code, answer.error.message] : 'an answer')
  })()
  await time.advance(14_999)
  assert.deepEqual(found, [])
  await time.advance(1)
  await asking
  assert.deepEqual(found, [['TIMEOUT', 'peer p0 did not answer within 15 s']])
})

test('what is asked costs one listener on the signal of the caller, and leaves none behind', async () => {
  const { signal } = new AbortController()
  const listening: number[] = []
  const ask = async () => listening.push(getEventListeners(signal, 'abort').length)
  for await (const answer of fanOut(peers(20), ask, { signal, clock, limitMs: 5000 }))
    assert.ok('value' in answer)
  assert.deepEqual(new Set(listening), new Set([1]))
  assert.equal(getEventListeners(signal, 'abort').length, 0)
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
  for await (const _answer of fanOut(peers(200), ask, { signal, clock, limitMs: 5000 })) answers++
  assert.equal(answers, 200)
  assert.ok(most <= 64, `${most} at once`)
})

test('a stopped question throws the reason, and one that nobody reads on stops the peers', async () => {
  const stopping = new AbortController()
  const ask = (_peer: string, options: { signal: AbortSignal }) =>
    new Promise<never>((_resolve, reject) =>
      options.signal.addEventListener('abort', () => reject(options.signal.reason), { once: true }),
    )
  const waiting = fanOut(['p0'], ask, { signal: stopping.signal, clock, limitMs: 5000 }).next()
  stopping.abort(new Error('enough'))
  await assert.rejects(waiting, /enough/)
  let isStopped = false
  const askEither = async (peer: string, options: { signal: AbortSignal }) => {
    options.signal.addEventListener('abort', () => {
      isStopped = true
    })
    return peer === 'p0' ? undefined : new Promise<never>(() => undefined)
  }
  for await (const _answer of fanOut(['p0', 'p1'], askEither, { signal, clock, limitMs: 5000 })) break
  assert.ok(isStopped)
})
