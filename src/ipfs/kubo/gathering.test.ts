import assert from 'node:assert/strict'
import { it } from 'node:test'
import { numberedCid } from '../../../test/support/numbered-cid.ts'
import { virtualClock } from '../../../test/support/virtual-clock.ts'
import { ClusterError } from '../../errors.ts'
import { Gathering, type GatheringParts } from './gathering.ts'

const never = new AbortController().signal
const cid = (number: number) => numberedCid(number)
const turns = async (count: number) => {
  for (let at = 0; at < count; at++) await new Promise(resolve => setImmediate(resolve))
}
const refusal = () => new ClusterError('IPFS_REFUSED', 'one of them is not liked')

/** A node whose requests end when the test says so: the answer to a CID is its own text. */
function openGathering(config: Partial<GatheringParts<string>> = {}) {
  const clock = virtualClock()
  const requests: {
    texts: string[]
    signal: AbortSignal
    tell: (text: string) => void
    end: () => void
    fail: (thrown: unknown) => void
  }[] = []
  const add = async (texts: string[], signal: AbortSignal, tell: (text: string) => void) => {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
    requests.push({ texts, signal, tell, end: resolve, fail: reject })
    await promise
  }
  const gathering = new Gathering<string>({
    clock,
    underWayMax: 1,
    patienceMs: 0,
    isBrokenOff: false,
    one: async (one, signal) => {
      await add([one], signal, () => undefined)
      return one
    },
    many: (cids, signal, tell) => add([...cids], signal, text => tell(text, text)),
    ...config,
  })
  const answerAll = (at: number) => {
    const request = requests[at]
    assert.ok(request, `there is a request ${at}`)
    for (const text of request.texts) request.tell(text)
    request.end()
  }
  return { clock, gathering, requests, answerAll }
}

const sizesOf = (requests: readonly { texts: string[] }[]) => requests.map(({ texts }) => texts.length)

it('calls of one turn are one request, and those that come while it is under way are the next', async () => {
  const { gathering, requests, answerAll } = openGathering()
  const first = [1, 2, 3].map(number => gathering.call(cid(number), never))
  await turns(2)
  const second = [4, 5].map(number => gathering.call(cid(number), never))
  await turns(3)
  assert.deepEqual(sizesOf(requests), [3])
  answerAll(0)
  assert.deepEqual(
    await Promise.all(first),
    [1, 2, 3].map(number => cid(number).toString()),
  )
  await turns(2)
  assert.deepEqual(sizesOf(requests), [3, 2])
  answerAll(1)
  assert.deepEqual(
    await Promise.all(second),
    [4, 5].map(number => cid(number).toString()),
  )
})

it('a call that has waited for its patience goes out however much is under way', async () => {
  const { clock, gathering, requests, answerAll } = openGathering({ patienceMs: 2 })
  const first = gathering.call(cid(1), never)
  await turns(2)
  const others = [2, 3].map(number => gathering.call(cid(number), never))
  await turns(2)
  assert.deepEqual(sizesOf(requests), [1])
  await clock.advance(2)
  assert.deepEqual(sizesOf(requests), [1, 2])
  answerAll(1)
  await Promise.all(others)
  answerAll(0)
  await first
})

it('a request holds no more than a proxy takes, and the same CID once', async () => {
  const { gathering, requests, answerAll } = openGathering()
  const calls = Array.from({ length: 200 }, (_, at) => gathering.call(cid(at), never))
  const twice = gathering.call(cid(1), never)
  await turns(2)
  for (let at = 0; at < requests.length; at++) {
    answerAll(at)
    await turns(2)
  }
  await Promise.all([...calls, twice])
  const lengths = requests.map(({ texts }) => texts.join('').length)
  assert.ok(Math.max(...lengths) <= 4096, lengths.join())
  assert.ok(Math.max(...sizesOf(requests)) <= 64, sizesOf(requests).join())
  assert.equal(
    sizesOf(requests).reduce((sum, size) => sum + size),
    201,
  )
})

it('what a refused request did not answer is asked for one by one, and gets its own refusal', async () => {
  const { gathering, requests, answerAll } = openGathering()
  const [liked, disliked, last] = [1, 2, 3].map(number => gathering.call(cid(number), never))
  await turns(2)
  requests[0]?.tell(cid(1).toString())
  requests[0]?.fail(refusal())
  assert.equal(await liked, cid(1).toString())
  await turns(2)
  requests[1]?.fail(refusal())
  await assert.rejects(disliked ?? Promise.resolve(), { code: 'IPFS_REFUSED' })
  await turns(2)
  answerAll(2)
  assert.equal(await last, cid(3).toString())
  assert.deepEqual(sizesOf(requests), [3, 1, 1])
})

it('every other failure is that of all', async () => {
  const { gathering, requests } = openGathering()
  const calls = [1, 2].map(number => gathering.call(cid(number), never))
  await turns(2)
  requests[0]?.fail(new ClusterError('IPFS_UNAVAILABLE', 'it is down'))
  for (const call of calls) await assert.rejects(call, { code: 'IPFS_UNAVAILABLE' })
  assert.equal(requests.length, 1)
})

it('a node that looks at the first CID only is asked for one at a time from then on', async () => {
  const { gathering, requests, answerAll } = openGathering()
  const calls = [1, 2].map(number => gathering.call(cid(number), never))
  await turns(2)
  requests[0]?.tell(cid(1).toString())
  requests[0]?.end()
  await turns(2)
  answerAll(1)
  await Promise.all(calls)
  const later = [3, 4].map(number => gathering.call(cid(number), never))
  for (const at of [2, 3]) {
    await turns(2)
    answerAll(at)
  }
  await Promise.all(later)
  assert.deepEqual(sizesOf(requests), [2, 1, 1, 1])
})

it('who gives up is let go at once; the request goes on for the others, and is broken off when there are none', async () => {
  const { gathering, requests } = openGathering()
  const stops = [new AbortController(), new AbortController()]
  const calls = stops.map(({ signal }, at) => gathering.call(cid(at), signal))
  await turns(2)
  stops[0]?.abort(new Error('not wanted'))
  await assert.rejects(calls[0] ?? Promise.resolve(), { message: 'not wanted' })
  assert.equal(requests[0]?.signal.aborted, false)
  stops[1]?.abort(new Error('nor this'))
  await assert.rejects(calls[1] ?? Promise.resolve(), { message: 'nor this' })
  assert.equal(requests[0]?.signal.aborted, true)
  await turns(2)
  assert.equal(requests.length, 1)
})

it('a removal that is given up is broken off with its request, and the others are sent again', async () => {
  const { gathering, requests, answerAll } = openGathering({ isBrokenOff: true })
  const stop = new AbortController()
  const given = gathering.call(cid(1), stop.signal)
  const other = gathering.call(cid(2), never)
  await turns(2)
  stop.abort(new Error('it is wanted again'))
  await assert.rejects(given, { message: 'it is wanted again' })
  assert.equal(requests[0]?.signal.aborted, true)
  await turns(2)
  assert.deepEqual(requests[1]?.texts, [cid(2).toString()])
  answerAll(1)
  assert.equal(await other, cid(2).toString())
})

it('what is given up before it was sent is not sent', async () => {
  const { gathering, requests } = openGathering()
  const stop = new AbortController()
  const call = gathering.call(cid(1), stop.signal)
  stop.abort(new Error('not wanted'))
  await assert.rejects(call, { message: 'not wanted' })
  await turns(2)
  assert.equal(requests.length, 0)
})
