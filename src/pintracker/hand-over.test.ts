import assert from 'node:assert/strict'
import test from 'node:test'
import { numberedCid } from '../../test/support/numbered-cid.ts'
import { SELF, type TrackerWorld, trackerWorld } from '../../test/support/tracker-world.ts'
import { cidKey } from '../model/cid.ts'
import { HOLDS_MAX } from '../model/holds.ts'
import { type Pin, toPin } from '../model/pin.ts'

const MINUTE_MS = 60_000
const { signal } = new AbortController()
const name = (number: number) => cidKey(numberedCid(number))

function pinOn(number: number, allocations: readonly string[], options: Partial<Pin> = {}): Pin {
  const copies = { replicationMin: 2, replicationMax: 3 }
  return toPin(numberedCid(number), { allocations, ...copies, ...options })
}

/** A tracker that holds so many CIDs, allocated to it and to `other`. */
async function holding(count: number): Promise<TrackerWorld> {
  const world = await trackerWorld()
  for (let number = 0; number < count; number += 1) world.pinset.set(pinOn(number, [SELF, 'other']))
  await world.clock.advance(MINUTE_MS)
  assert.equal(world.ipfs.held.size, count)
  return world
}

test('what is allocated to others now is kept until enough of them hold it', async () => {
  await using world = await holding(1)
  const [other, third] = [new Set<string>(), new Set<string>()]
  world.others.held.set('other', other).set('third', third)
  world.pinset.set(pinOn(0, ['other', 'third', 'fourth']))
  world.others.silent.add('fourth')
  await world.clock.advance(30 * MINUTE_MS)
  assert.ok(world.ipfs.held.has(name(0)))
  other.add(name(0))
  await world.clock.advance(30 * MINUTE_MS)
  assert.ok(world.ipfs.held.has(name(0)), 'one of two is not enough')
  assert.equal((await world.tracker.status(numberedCid(0), { signal })).status, 'remote')
  third.add(name(0))
  await world.clock.advance(6 * MINUTE_MS)
  assert.equal(world.ipfs.held.size, 0)
  assert.equal((await world.tracker.status(numberedCid(0), { signal })).status, 'remote')
})

test('with fewer allocations than the minimum, all of them must hold it; at least one always', async () => {
  await using world = await holding(2)
  world.others.held.set('third', new Set([name(0)]))
  world.pinset.set(pinOn(0, ['third']))
  world.pinset.set(pinOn(1, [], { replicationMin: 0 }))
  await world.clock.advance(30 * MINUTE_MS)
  assert.deepEqual([...world.ipfs.held.keys()], [name(1)])
})

test('what comes back while it waits to be let go of is held for nobody else any more', async () => {
  await using world = await holding(1)
  world.ipfs.faults.isDown = true
  // That closes the way to IPFS.
  world.pinset.set(pinOn(1, [SELF]))
  await world.clock.advance(1000)
  world.pinset.set(pinOn(0, ['other', 'third']))
  await world.clock.advance(MINUTE_MS)
  world.pinset.set(pinOn(0, [SELF, 'other']))
  await world.clock.advance(MINUTE_MS)
  world.ipfs.faults.isDown = false
  await world.clock.advance(30 * MINUTE_MS)
  assert.equal(world.tracker.handOverCount, 0)
  assert.equal(world.ipfs.held.size, 2)
})

test('what left the pinset is unpinned at once, whatever others hold', async () => {
  await using world = await holding(1)
  world.others.silent.add('other')
  world.pinset.remove(numberedCid(0))
  await world.clock.advance(100)
  assert.equal(world.ipfs.held.size, 0)
  assert.equal(world.others.asked.length, 0)
})

test('content that comes back to this peer before others hold it never left', async () => {
  await using world = await holding(1)
  world.others.held.set('other', new Set())
  world.pinset.set(pinOn(0, ['other']))
  await world.clock.advance(MINUTE_MS)
  world.pinset.set(pinOn(0, [SELF, 'other']))
  world.others.held.clear()
  await world.clock.advance(30 * MINUTE_MS)
  assert.equal(world.ipfs.calls.unpin, 0)
  assert.equal((await world.tracker.status(numberedCid(0), { signal })).status, 'pinned')
})

test('an answer about other allocations, or of a while ago, is no reason to let go', async () => {
  await using world = await holding(1)
  world.ipfs.faults.refusedShare = 1
  world.pinset.set(pinOn(0, ['other'], { replicationMin: 1 }))
  await world.clock.advance(100)
  assert.equal((await world.tracker.status(numberedCid(0), { signal })).status, 'unpin_error')
  world.ipfs.faults.refusedShare = 0
  world.others.held.set('other', new Set())
  await world.clock.advance(30 * MINUTE_MS)
  assert.ok(world.ipfs.held.has(name(0)), 'others lost it before the unpin was tried again')
  world.others.held.clear()
  await world.clock.advance(10 * MINUTE_MS)
  assert.equal(world.ipfs.held.size, 0)
})

test('a change of mind while others are being asked counts', async () => {
  await using world = await holding(1)
  world.pinset.set(pinOn(0, ['other'], { replicationMin: 1 }))
  world.pinset.set(pinOn(0, [SELF]))
  await world.clock.advance(MINUTE_MS)
  assert.ok(world.ipfs.held.has(name(0)))
})

test('a restart forgets nothing: the sweep finds what is still to be handed over', async () => {
  await using world = await holding(3)
  world.others.silent.add('other')
  for (const number of [0, 1, 2]) world.pinset.set(pinOn(number, ['other']))
  await world.clock.advance(MINUTE_MS)
  await world.crash()
  world.others.silent.clear()
  await world.clock.advance(MINUTE_MS)
  assert.equal(world.ipfs.held.size, 0)
})

test('very many are asked about in bulk and handed over, though only some thousand are remembered', async () => {
  const count = 11_000
  await using world = await holding(count)
  world.others.held.set('other', new Set())
  const before = world.others.asked.length
  for (let number = 0; number < count; number += 1)
    world.pinset.set(pinOn(number, ['other'], { replicationMin: 1 }))
  await world.clock.advance(10_000)
  assert.equal(world.ipfs.held.size, count)
  assert.ok(world.tracker.handOverCount > 10_000)
  const asked = world.others.asked.slice(before)
  assert.ok(asked.every(([, size]) => size <= HOLDS_MAX))
  assert.ok(asked.length < 20 * Math.ceil(count / HOLDS_MAX), `${asked.length} questions`)
  world.others.held.clear()
  await world.clock.advance(2 * MINUTE_MS)
  assert.equal(world.ipfs.held.size, 0)
  assert.equal(world.tracker.handOverCount, 0)
})

test('while nobody takes it over, the questions become rare', async () => {
  await using world = await holding(10)
  world.others.held.set('other', new Set())
  for (let number = 0; number < 10; number += 1) world.pinset.set(pinOn(number, ['other']))
  await world.clock.advance(60 * MINUTE_MS)
  const { length } = world.others.asked
  await world.clock.advance(60 * MINUTE_MS)
  assert.ok(world.others.asked.length - length <= 30, `${world.others.asked.length - length} in an hour`)
})

test('says it holds what is allocated to it and pinned, and nothing else', async () => {
  await using world = await holding(6)
  world.others.silent.add('other')
  world.pinset.set(pinOn(1, ['other']))
  world.pinset.remove(numberedCid(2))
  world.ipfs.faults.unfetchable.add(name(7))
  world.pinset.set(pinOn(7, [SELF]))
  world.ipfs.held.delete(name(4))
  await world.clock.advance(2 * MINUTE_MS)
  world.ipfs.held.delete(name(5))
  const cids = [0, 1, 2, 3, 4, 5, 6, 7].map(numberedCid)
  const answers = await world.tracker.holds(cids, { signal })
  assert.deepEqual(answers, [true, false, false, true, false, false, false, false])
  world.ipfs.faults.isDown = true
  await world.clock.advance(2 * MINUTE_MS)
  assert.deepEqual(await world.tracker.holds(cids.slice(0, 1), { signal }), [false])
})
