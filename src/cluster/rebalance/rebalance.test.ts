import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { openPeers } from '../../../test/support/cluster-peers.ts'
import { numberedCid } from '../../../test/support/numbered-cid.ts'
import { ClusterError } from '../../errors.ts'
import type { PeerId } from '../../model/peer.ts'
import { type Pin, toPin } from '../../model/pin.ts'
import { Mover } from './mover.ts'
import { quotasOf, sharesOf, spreadOf } from './shares.ts'

const { signal } = new AbortController()
const options = { signal }
const anyCounts = fc
  .array(fc.nat(3000), { minLength: 1, maxLength: 12 })
  .map(counts => new Map(counts.map((count, at) => [`peer${at}`, count])))
const sum = (counts: ReadonlyMap<unknown, number>) => [...counts.values()].reduce((all, one) => all + one, 0)

test('shares are equal but for one copy, together as many as there are, and move the least', () => {
  fc.assert(
    fc.property(anyCounts, counts => {
      const shares = sharesOf(counts)
      assert.equal(sum(shares), sum(counts))
      const all = [...shares.values()]
      assert.ok(Math.max(...all) - Math.min(...all) <= 1)
      const { surplus, need, copies } = quotasOf(counts)
      assert.equal(sum(surplus), copies)
      assert.equal(sum(need), copies)
      for (const [peer, count] of counts) {
        const after = count - (surplus.get(peer) ?? 0) + (need.get(peer) ?? 0)
        if (copies > 0) assert.equal(after, shares.get(peer))
      }
      // Nobody can do with less: what is above the greatest share has to go.
      const most = Math.max(...all)
      const least = [...counts.values()].reduce((moves, count) => moves + Math.max(0, count - most), 0)
      if (copies > 0) assert.ok(copies >= least && copies <= least + counts.size)
    }),
  )
})

/** Pins with so many copies each, by turns on the peers. */
function pinsOn(peers: readonly PeerId[], count: number, copies: number): Pin[] {
  return Array.from({ length: count }, (_, number) =>
    toPin(numberedCid(number), {
      replicationMin: copies,
      replicationMax: copies,
      allocations: Array.from({ length: copies }, (_, at) => peers[(number + at) % peers.length] ?? ''),
    }),
  )
}

function countsOf(pins: Iterable<Pin>, peers: readonly PeerId[]): Map<PeerId, number> {
  const counts = new Map(peers.map(peer => [peer, 0]))
  for (const { allocations } of pins)
    for (const peer of allocations) counts.set(peer, (counts.get(peer) ?? 0) + 1)
  return counts
}

test('moves lead to equal shares, each pin written once, never two copies on one peer', () => {
  const anyWorld = fc.record({
    before: fc.integer({ min: 2, max: 5 }),
    added: fc.integer({ min: 1, max: 4 }),
    copies: fc.integer({ min: 1, max: 2 }),
    pins: fc.integer({ min: 20, max: 300 }),
  })
  fc.assert(
    fc.property(anyWorld, ({ before, added, copies, pins: count }) => {
      const peers = Array.from({ length: before + added }, (_, at) => `peer${at}`)
      const pins = pinsOn(peers.slice(0, before), count, copies)
      const counts = countsOf(pins, peers)
      const { copies: least } = quotasOf(counts)
      const mover = new Mover(quotasOf(counts))
      let moved = 0
      const after = pins.map(pin => {
        const move = mover.look(pin, ({ existing, leaving, preferred }) => [
          ...(existing?.allocations ?? []).filter(peer => leaving?.has(peer) !== true),
          ...preferred,
        ])
        moved += move?.from.length ?? 0
        return move === undefined ? pin : { ...pin, allocations: move.allocations }
      })
      for (const { allocations } of after) {
        assert.equal(allocations.length, copies)
        assert.equal(new Set(allocations).size, copies)
      }
      assert.equal(moved, least)
      const spread = [...countsOf(after, peers).values()]
      assert.ok(Math.max(...spread) - Math.min(...spread) <= 1)
    }),
    { numRuns: 50 },
  )
})

test('what whoever chooses peers does not allow does not move', () => {
  const pins = pinsOn(['a', 'b'], 10, 1)
  const quotas = quotasOf(countsOf(pins, ['a', 'b', 'c']))
  const refusing = new Mover(quotas)
  const refuse = () => {
    throw new ClusterError('NOT_ENOUGH_PEERS', 'too few')
  }
  assert.ok(pins.every(pin => refusing.look(pin, refuse) === undefined))
  assert.equal(refusing.refusedCount, 10)
  const stubborn = new Mover(quotasOf(countsOf(pins, ['a', 'b', 'c'])))
  assert.ok(
    pins.every(pin => stubborn.look(pin, ({ existing }) => existing?.allocations ?? []) === undefined),
  )
})

test('2,000 pins at 2 copies on 3 peers, and a fourth comes: within 5 %, with the fewest moves, one write a pin', async () => {
  await using peers = await openPeers(4)
  const { consensus, first, clock } = peers
  const ids = peers.peers.map(({ id }) => id)
  const pins = pinsOn(ids.slice(0, 3), 2000, 2)
  await consensus.put(pins, options)
  const { cluster } = first
  const plan = await cluster.rebalance.plan(options)
  assert.deepEqual([plan.copiesMoved, plan.pinsMoved], [1000, 1000])
  assert.ok(plan.spreadAfter < 0.05)
  assert.deepEqual(plan, await cluster.rebalance.plan(options))
  // A peer's repository has 10 bytes and its place more, in the fakes.
  assert.equal(
    plan.bytesMoved,
    plan.peers.reduce((all, { bytesIn }) => all + (bytesIn ?? 0), 0),
  )
  const news = plan.peers.find(({ peer }) => peer === ids[3])
  assert.deepEqual([news?.pinsBefore, news?.pinsAfter, news?.pinsIn, news?.pinsOut], [0, 1000, 1000, 0])
  const changed: string[] = []
  consensus.onChange(cids => changed.push(...cids.map(String)))
  assert.equal((await cluster.rebalance.start({ pinsPerSecond: 1000, signal })).state, 'planning')
  await clock.advance(5000)
  const [status] = (await peers.peers[2]?.cluster.rebalance.statuses(options)) ?? []
  assert.deepEqual(
    [status?.peer, status?.state, status?.copiesPlanned, status?.copiesMoved, status?.pinsMoved],
    [first.id, 'done', 1000, 1000, 1000],
  )
  assert.equal(changed.length, 1000)
  assert.equal(new Set(changed).size, 1000)
  const after: Pin[] = []
  for await (const pin of consensus.pins({}, options)) after.push(pin)
  assert.ok(spreadOf(countsOf(after, ids)) < 0.05)
  assert.equal((await cluster.rebalance.plan(options)).pinsMoved, 0)
})

test('it keeps to its rate, is one of a cluster, and can be stopped by any peer', async () => {
  await using peers = await openPeers(3)
  const { consensus, first, clock } = peers
  const [, second, third] = peers.peers
  assert.ok(second !== undefined && third !== undefined)
  await consensus.put(pinsOn([first.id, second.id], 600, 1), options)
  await first.cluster.rebalance.start({ pinsPerSecond: 10, signal })
  await clock.advance(0)
  for (const { cluster } of [first, second])
    await assert.rejects(cluster.rebalance.start({ pinsPerSecond: 10, signal }), {
      code: 'CONFLICT',
      message: new RegExp(first.id),
    })
  await clock.advance(10_000)
  const moved = first.cluster.rebalance.own().pinsMoved
  assert.ok(moved >= 80 && moved <= 110, String(moved))
  const [stopped] = await third.cluster.rebalance.stop(options)
  assert.deepEqual(
    [stopped?.peer, stopped?.state, stopped?.reason],
    [first.id, 'stopped', 'stopped by an operator'],
  )
  await clock.advance(10_000)
  assert.equal(first.cluster.rebalance.own().pinsMoved, stopped?.pinsMoved)
  await second.cluster.rebalance.start({ pinsPerSecond: 1000, signal })
  await clock.advance(2000)
  assert.equal(second.cluster.rebalance.own().state, 'done')
})

test('it can be stopped before it has begun', async () => {
  await using peers = await openPeers(3)
  const { consensus, first, clock } = peers
  await consensus.put(pinsOn([first.id], 100, 1), options)
  const { rebalance } = first.cluster
  const started = rebalance.start({ pinsPerSecond: 1000, signal })
  assert.equal(rebalance.own().state, 'planning')
  await rebalance.stopOwn()
  await assert.rejects(started, { code: 'REFUSED', message: /stopped by an operator/ })
  await clock.advance(2000)
  assert.deepEqual([rebalance.own().state, rebalance.own().pinsMoved], ['idle', 0])
})

test('a peer that goes away while pins move ends it, since the plan was made with that peer', async () => {
  await using peers = await openPeers(3)
  const { consensus, first, clock } = peers
  const ids = peers.peers.map(({ id }) => id)
  await consensus.put(pinsOn(ids.slice(0, 2), 600, 1), options)
  await first.cluster.rebalance.start({ pinsPerSecond: 10, signal })
  await clock.advance(5000)
  peers.become(ids[2] ?? '', 'suspect')
  await clock.advance(5000)
  const { state, reason } = first.cluster.rebalance.own()
  assert.equal(state, 'failed')
  assert.match(reason, /takes nothing new/)
})

test('entries that change meanwhile stay as they were written', async () => {
  await using peers = await openPeers(3)
  const { consensus, first, clock } = peers
  const ids = peers.peers.map(({ id }) => id)
  const pins = pinsOn(ids.slice(0, 2), 400, 1)
  await consensus.put(pins, options)
  await first.cluster.rebalance.start({ pinsPerSecond: 10, signal })
  await clock.advance(0)
  const changed = pins.map(pin => ({ ...pin, name: 'of a user', allocations: [ids[0] ?? ''] }))
  await consensus.put(changed, options)
  await clock.advance(60_000)
  for await (const pin of consensus.pins({}, options)) assert.equal(pin.name, 'of a user')
})

test('cordoned, drained and unwell peers neither give nor take', async () => {
  await using peers = await openPeers(5)
  const { consensus, first } = peers
  const ids = peers.peers.map(({ id }) => id)
  await consensus.put(pinsOn(ids.slice(0, 2), 100, 1), options)
  await first.cluster.care.say(ids[1] ?? '', { isCordoned: true }, options)
  await first.cluster.care.drain(ids[2] ?? '', { isForced: false, signal })
  peers.become(ids[3] ?? '', 'suspect')
  const plan = await first.cluster.rebalance.plan(options)
  assert.deepEqual(
    plan.peers.map(({ peer }) => peer),
    [ids[0], ids[4]],
  )
  assert.equal(plan.copiesMoved, 25)
})

test('a rate out of bounds is refused', async () => {
  await using peers = await openPeers(1)
  for (const pinsPerSecond of [0, -1, Number.NaN, Number.POSITIVE_INFINITY, 10_001])
    await assert.rejects(peers.first.cluster.rebalance.start({ pinsPerSecond, signal }), {
      code: 'INVALID_ARGUMENT',
    })
})
