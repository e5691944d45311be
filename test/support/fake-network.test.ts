import assert from 'node:assert/strict'
import { it } from 'node:test'
import { networkContract } from '../contracts/network.ts'
import { fakeNetwork } from './fake-network.ts'
import { openFakes } from './open-fakes.ts'
import { seededRandom } from './seeded-random.ts'
import { virtualClock } from './virtual-clock.ts'

networkContract('fake', openFakes)

const bytes = (text: string) => new Uint8Array(Buffer.from(text))

async function gossipTrace(seed: number): Promise<string[]> {
  const clock = virtualClock()
  const hub = fakeNetwork({ clock, random: seededRandom(seed) })
  Object.assign(hub.faults, { lossShare: 0.2, duplicateShare: 0.2, delayMinMs: 1, delayMaxMs: 500 })
  const trace: string[] = []
  const networks = ['a', 'b', 'c'].map(name => hub.join(name))
  for (const network of networks) {
    network.subscribe('t', (message, from) =>
      trace.push(`${clock.monotonic()} ${from}>${network.self} ${message[0]}`),
    )
  }
  for (let round = 0; round < 20; round++) {
    for (const network of networks) await network.publish('t', Uint8Array.of(round))
    await clock.advance(100)
  }
  await clock.advance(1000)
  return trace
}

it('the same seed gives the same events, another seed others', async () => {
  const trace = await gossipTrace(1)
  assert.deepEqual(trace, await gossipTrace(1))
  assert.notDeepEqual(trace, await gossipTrace(2))
  // 20 rounds, 3 authors, 2 receivers each: 120 sent; loss and doubles leave about 115.
  assert.ok(trace.length > 80 && trace.length < 140, String(trace.length))
})

it('a cut hides two peers from each other, gossip goes round it, and healing brings them back', async () => {
  const hub = fakeNetwork({ clock: virtualClock(), random: seededRandom(1) })
  const [a, b, c] = ['a', 'b', 'c'].map(name => hub.join(name))
  assert.ok(a !== undefined && b !== undefined && c !== undefined)
  const events: string[] = []
  a.onPeer(({ peer, isConnected }) => events.push(`${peer} ${isConnected}`))
  hub.cut('a', 'b')
  assert.deepEqual(a.peers(), ['c'])
  const heard: string[] = []
  b.subscribe('t', (_, from) => heard.push(from))
  const { signal } = new AbortController()
  await a.publish('t', bytes('x'))
  await Promise.resolve()
  assert.deepEqual(heard, [], 'the only way leads through c, which does not subscribe')
  c.subscribe('t', () => undefined)
  await a.publish('t', bytes('x'))
  await Promise.resolve()
  assert.deepEqual(heard, ['a'])
  await assert.rejects(a.connect('/memory/b/p2p/b', { signal }), { code: 'PEER_UNREACHABLE' })
  hub.heal()
  assert.deepEqual(a.peers(), ['b', 'c'])
  assert.deepEqual(events, ['b false', 'b true'])
})

it('an isolated group keeps its connections and loses all others, also to peers that join later', () => {
  const hub = fakeNetwork({ clock: virtualClock(), random: seededRandom(1) })
  const [a, b, c] = ['a', 'b', 'c'].map(name => hub.join(name))
  hub.isolate(['a', 'b'])
  const d = hub.join('d')
  assert.deepEqual(a?.peers(), ['b'])
  assert.deepEqual(b?.peers(), ['a'])
  assert.deepEqual(c?.peers(), ['d'])
  assert.deepEqual(d.peers(), ['c'])
})

it('a peer that left may join again, and is told apart from its former self', async () => {
  const hub = fakeNetwork({ clock: virtualClock(), random: seededRandom(1) })
  const a = hub.join('a')
  const events: boolean[] = []
  a.onPeer(({ isConnected }) => events.push(isConnected))
  for (let round = 0; round < 2; round++) {
    const b = hub.join('b')
    await b[Symbol.asyncDispose]()
    await assert.rejects(b.publish('t', bytes('x')), { code: 'NOT_READY' })
  }
  assert.deepEqual(events, [true, false, true, false])
})

it('delayed requests pass on the clock, in order, and reset streams are PEER_UNREACHABLE', async () => {
  const clock = virtualClock()
  const hub = fakeNetwork({ clock, random: seededRandom(3) })
  Object.assign(hub.faults, { delayMinMs: 10, delayMaxMs: 100 })
  const a = hub.join('a')
  const b = hub.join('b')
  b.serve('/p', async function* (input) {
    yield* input
  })
  const { signal } = new AbortController()
  const input = async function* () {
    for (let index = 0; index < 20; index++) yield Uint8Array.of(index)
  }
  const run = async () => {
    const found: (number | undefined)[] = []
    for await (const message of a.request('b', '/p', input(), { signal })) found.push(message[0])
    return found
  }
  const asked = run()
  await clock.advance(10_000)
  assert.deepEqual(
    await asked,
    Array.from({ length: 20 }, (_, index) => index),
  )
  hub.faults.resetShare = 0.5
  const failing = assert.rejects(run(), { code: 'PEER_UNREACHABLE' })
  await clock.advance(10_000)
  await failing
})
