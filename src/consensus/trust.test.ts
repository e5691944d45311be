import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { toHex } from '../lib/bytes.ts'
import type { Clock } from '../lib/clock.ts'
import { createIdentity } from '../model/identity.ts'
import type { PeerId } from '../model/peer.ts'
import { openMemoryStore } from '../store/memory.ts'
import { Hlc } from './hlc.ts'
import { Trust } from './trust.ts'

const PEERS = Array.from({ length: 4 }, () => createIdentity().id)

/** A peer's trust on a disk and a clock of its own, of which `now` tells the time. */
async function open(self: PeerId, configured?: ReadonlySet<PeerId>, now: () => number = () => 1000) {
  const store = openMemoryStore()
  const clock: Pick<Clock, 'now'> = { now }
  const hlc = new Hlc({ ...clock, monotonic: now, sleep: async () => undefined, schedule }, HLC)
  const ground = {
    tick: () => hlc.tick(),
    follow: (time: Parameters<Hlc['follow']>[0]) => hlc.follow(time),
    writeRecord: (record: Parameters<typeof store.batch>[0][number]) =>
      store.batch([record], { isSynced: true }),
  }
  const trust = await Trust.open(store, self, configured)
  const reopen = () => Trust.open(store, self, configured)
  return { trust, ground, reopen }
}

const HLC = { driftMaxMs: 300_000, last: { ms: 0, count: 0 } }
const schedule = () => ({ [Symbol.dispose]: () => undefined })

test('peers that exchange what was said end with the same, in whatever order and however often they do', async () => {
  const step = fc.record({
    at: fc.nat({ max: 2 }),
    about: fc.constantFrom(...PEERS.slice(3), ...PEERS.slice(0, 3)),
    isTrusted: fc.boolean(),
    nowMs: fc.nat({ max: 20 }),
    mergeFrom: fc.nat({ max: 2 }),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 20 }), async steps => {
      let nowMs = 1000
      const peers = await Promise.all(PEERS.slice(0, 3).map(self => open(self, undefined, () => nowMs)))
      const merge = async (to: number, from: number) =>
        peers[to]?.trust.merge(
          peers[from]?.trust.encode() ?? new Uint8Array(),
          'whoever carries it',
          peers[to].ground,
        )
      for (const { at, about, isTrusted, nowMs: laterMs, mergeFrom } of steps) {
        nowMs = 1000 + laterMs
        if (about !== PEERS[at]) await peers[at]?.trust.say(about, isTrusted, peers[at].ground)
        await merge(at, mergeFrom)
      }
      for (const [to, from] of [
        [0, 1],
        [0, 2],
        [1, 0],
        [2, 0],
        [1, 2],
      ] as const)
        await merge(to, from)
      assert.equal(new Set(peers.map(({ trust }) => toHex(trust.digest))).size, 1)
      for (const { trust, reopen } of peers)
        assert.equal(toHex((await reopen()).digest), toHex(trust.digest), 'it is on disk')
    }),
    { numRuns: 100 },
  )
})

test('what is said while running outweighs the configuration, and self is always believed', async () => {
  const [self = '', configured = '', stranger = ''] = PEERS
  const { trust, ground, reopen } = await open(self, new Set([configured]))
  assert.deepEqual(
    PEERS.map(peer => trust.isTrusted(peer)),
    [true, true, false, false],
  )
  await trust.say(configured, false, ground)
  await trust.say(stranger, true, ground)
  for (const each of [trust, await reopen()])
    assert.deepEqual(
      PEERS.map(peer => each.isTrusted(peer)),
      [true, false, true, false],
    )
  await assert.rejects(trust.say(self, false, ground), { code: 'REFUSED' })
  await assert.rejects(trust.say('nobody', false, ground), { code: 'INVALID_ARGUMENT' })
})

test('at most a thousand peers are spoken of; of those it can be changed still', async () => {
  const { trust, ground } = await open(PEERS[0] ?? '')
  const others = Array.from({ length: 1001 }, () => createIdentity().id)
  const last = others.pop() ?? ''
  for (const peer of others) await trust.say(peer, false, ground)
  await assert.rejects(trust.say(last, false, ground), { code: 'REFUSED', message: /at most 1000 peers/ })
  assert.equal(trust.isTrusted(last), true)
  await trust.say(others[7] ?? '', true, ground)
  assert.equal(trust.isTrusted(others[7] ?? ''), true)
})

test('what is known already, or not due yet, is not written again', async () => {
  const [self = '', from = '', about = ''] = PEERS
  const early = await open(self)
  const late = await open(from, undefined, () => 1000 + 2 * HLC.driftMaxMs)
  const written: unknown[] = []
  const ground = {
    ...early.ground,
    writeRecord: async (...record: Parameters<typeof early.ground.writeRecord>) => {
      written.push(record)
      await early.ground.writeRecord(...record)
    },
  }
  await early.trust.say(about, true, ground)
  assert.equal(written.length, 1)
  await early.trust.merge(early.trust.encode(), from, ground)
  await late.trust.say(about, false, late.ground)
  await early.trust.merge(late.trust.encode(), from, ground)
  assert.equal(written.length, 1)
  assert.equal(early.trust.isTrusted(about), true)
})
