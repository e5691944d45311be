import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cidOf, openPeers } from '../../test/support/cluster-peers.ts'
import { fakeConsensus } from '../../test/support/fake-consensus.ts'
import { numberedCid } from '../../test/support/numbered-cid.ts'
import { silentLogger } from '../../test/support/silent-logger.ts'
import { virtualClock } from '../../test/support/virtual-clock.ts'
import { createIdentity } from '../model/identity.ts'
import { NO_OPTIONS, toPin } from '../model/pin.ts'
import { makeRank } from './closest.ts'
import { openExpiry } from './expiry.ts'

const signal = new AbortController().signal

test('expired pins are unpinned once, within seconds and never before their time, and others stay', async () => {
  await using peers = await openPeers(3)
  const expireAtMs = peers.clock.now() + 10_000
  for (let at = 0; at < 20; at++) {
    const expiry = at % 2 === 0 ? expireAtMs : undefined
    await peers.first.cluster.pin(await cidOf(`${at}`), { ...NO_OPTIONS, expireAtMs: expiry, signal })
  }
  await peers.clock.advance(9999)
  assert.equal(peers.consensus.pinsCount, 20)
  const removals: number[] = []
  peers.consensus.onChange(cids => removals.push(cids.length))
  await peers.clock.advance(3000)
  assert.equal(peers.consensus.pinsCount, 10)
  assert.equal(
    removals.reduce((sum, count) => sum + count, 0),
    10,
  )
  await peers.clock.advance(600_000)
  assert.equal(peers.consensus.pinsCount, 10)
})

test('when the peer that is responsible does nothing, the next ones do so in their turn', async () => {
  await using peers = await openPeers(3)
  for (const { cluster } of peers.peers.slice(1)) await cluster[Symbol.asyncDispose]()
  const expireAtMs = peers.clock.now() + 5000
  const rank = makeRank(
    peers.peers.map(({ id }) => id),
    peers.first.id,
  )
  const ranks: number[] = []
  for (let at = 0; at < 30; at++) {
    const cid = await cidOf(`${at}`)
    ranks.push(rank(cid))
    await peers.first.cluster.pin(cid, { ...NO_OPTIONS, expireAtMs, signal })
  }
  const leftBehind = (turn: number) => ranks.filter(own => own > turn).length
  await peers.clock.advance(5000 + 2500)
  assert.equal(peers.consensus.pinsCount, leftBehind(0))
  assert.ok(leftBehind(0) > 0 && leftBehind(0) < 30)
  await peers.clock.advance(4000)
  assert.equal(peers.consensus.pinsCount, leftBehind(1))
  await peers.clock.advance(4000)
  assert.equal(peers.consensus.pinsCount, 0)
})

test('peers that are not trusted are not waited for', async () => {
  await using peers = await openPeers(3)
  for (const { id, cluster } of peers.peers.slice(1)) {
    peers.consensus.untrusted.add(id)
    await cluster[Symbol.asyncDispose]()
  }
  const expireAtMs = peers.clock.now() + 1000
  for (let at = 0; at < 10; at++) {
    await peers.first.cluster.pin(await cidOf(`${at}`), { ...NO_OPTIONS, expireAtMs, signal })
  }
  await peers.clock.advance(4000)
  assert.equal(peers.consensus.pinsCount, 0)
})

test('a follower unpins nothing', async () => {
  await using peers = await openPeers(1, { isFollower: true })
  const cid = await cidOf('a')
  await peers.consensus.put([toPin(cid, { expireAtMs: peers.clock.now() + 1000 })], { signal })
  await peers.clock.advance(600_000)
  assert.equal(peers.consensus.pinsCount, 1)
})

/** One peer that remembers little, over a pinset and a wall clock that the test moves. */
function openAlone(rememberedMax?: number) {
  const consensus = fakeConsensus()
  const virtual = virtualClock()
  const wall = { aheadMs: 0 }
  const clock = {
    ...virtual,
    now: () => virtual.now() + wall.aheadMs,
    monotonic: () => virtual.monotonic(),
    schedule: (ms: number, task: () => void) => virtual.schedule(ms, task),
    sleep: (ms: number, until: AbortSignal) => virtual.sleep(ms, until),
  }
  let passes = 0
  const counted = {
    ...consensus,
    remove: (...args: Parameters<typeof consensus.remove>) => consensus.remove(...args),
    pins: (...args: Parameters<typeof consensus.pins>) => {
      passes++
      return consensus.pins(...args)
    },
  }
  const self = createIdentity().id
  const open = () =>
    openExpiry(
      {
        self,
        clock,
        consensus: counted,
        logger: silentLogger(),
        monitor: { peers: () => [self] },
        ipfs: { getBlock: async () => new Uint8Array() },
      },
      { passEveryMs: 300_000, ...(rememberedMax === undefined ? {} : { rememberedMax }) },
    )
  const put = (number: number, expireAtMs: number | undefined) =>
    consensus.put([toPin(numberedCid(number), { expireAtMs })], { signal })
  const hasPin = async (number: number) => (await consensus.get(numberedCid(number))) !== undefined
  const count = async () => {
    let pins = 0
    for await (const _pin of consensus.pins({}, { signal })) pins++
    return pins
  }
  return { open, put, hasPin, count, wall, virtual, consensus, passes: () => passes }
}

test('a pin whose time was extended, or taken away, stays as it says then', async () => {
  const { open, put, hasPin, virtual } = openAlone()
  await using _expiry = open()
  const startMs = virtual.now()
  for (const number of [1, 2, 3]) await put(number, startMs + 10_000)
  await virtual.advance(9000)
  await put(1, startMs + 60_000)
  await put(2, undefined)
  await virtual.advance(5000)
  assert.deepEqual([await hasPin(1), await hasPin(2), await hasPin(3)], [true, true, false])
  await virtual.advance(45_000)
  assert.ok(await hasPin(1))
  await virtual.advance(4000)
  assert.ok(!(await hasPin(1)))
  assert.ok(await hasPin(2))
})

test('far more pins than are remembered go each in its time, with few passes over the pinset', async () => {
  const { open, put, count, virtual, passes } = openAlone(20)
  const startMs = virtual.now()
  for (let at = 0; at < 1000; at++) await put((at * 7919) % 1000, startMs + 1000 * (1 + ((at * 7919) % 1000)))
  await using _expiry = open()
  for (let second = 100; second <= 1000; second += 100) {
    await virtual.advance(startMs + second * 1000 - virtual.now())
    const left = await count()
    assert.ok(left >= 1000 - second && left <= 1000 - second + 10, `${left} are left after ${second} s`)
  }
  await virtual.advance(10_000)
  assert.equal(await count(), 0)
  assert.ok(passes() < 120, `${passes()} passes`)
})

test('any number of pins may expire in the same second', async () => {
  const { open, put, count, virtual } = openAlone(20)
  const expireAtMs = virtual.now() + 30_000
  for (let at = 0; at < 2000; at++) await put(at, expireAtMs)
  await using _expiry = open()
  await virtual.advance(30_900)
  assert.equal(await count(), 2000)
  await virtual.advance(5000)
  assert.equal(await count(), 0)
})

test('it is the wall clock that counts, however it is set', async () => {
  const { open, put, hasPin, virtual, wall } = openAlone()
  await using _expiry = open()
  const startMs = virtual.now()
  await put(1, startMs + 3_600_000)
  await put(2, startMs + 7_200_000)
  await virtual.advance(5000)
  wall.aheadMs = 3_600_000
  await virtual.advance(3000)
  assert.deepEqual([await hasPin(1), await hasPin(2)], [false, true])
  wall.aheadMs = -3_600_000
  await virtual.advance(7_200_000)
  assert.ok(await hasPin(2))
  await virtual.advance(3_605_000)
  assert.ok(!(await hasPin(2)))
})

test('a burst of changes that is too large to follow is made up for by a pass', async () => {
  const { open, consensus, count, virtual } = openAlone()
  await using _expiry = open()
  await virtual.advance(60_000)
  const expireAtMs = virtual.now() + 60_000
  const many = Array.from({ length: 30_000 }, (_, at) => toPin(numberedCid(at), { expireAtMs }))
  await consensus.put(many, { signal })
  await virtual.advance(64_000)
  assert.equal(await count(), 0)
})

test('a write that fails is tried again', async () => {
  const { open, put, hasPin, virtual, consensus } = openAlone()
  const remove = consensus.remove.bind(consensus)
  await put(1, virtual.now() + 1000)
  consensus.remove = async () => {
    throw new Error('the disk is full')
  }
  await using _expiry = open()
  await virtual.advance(20_000)
  assert.ok(await hasPin(1))
  consensus.remove = remove
  await virtual.advance(400_000)
  assert.ok(!(await hasPin(1)))
})
