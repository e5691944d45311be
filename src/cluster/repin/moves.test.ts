import assert from 'node:assert/strict'
import test from 'node:test'
import { numberedCid } from '../../../test/support/numbered-cid.ts'
import { type RepinWorld, repinWorld } from '../../../test/support/repin-world.ts'

const SECOND_MS = 1000
const MINUTE_MS = 60_000
const numbers = (count: number) => Array.from({ length: count }, (_, at) => at)

/** So many pins on two of the first peers each. */
async function fill(world: RepinWorld, count: number, peers = world.peers.length): Promise<void> {
  for (const number of numbers(count)) await world.pin(number, [number % peers, (number + 1) % peers])
  await world.clock.advance(SECOND_MS)
}

test('a peer that nobody has heard of in this run is left after the delay, but not sooner than it may be heard', async () => {
  await using world = await repinWorld({ peers: 5, unheard: [4], repin: { delayMs: 0 } })
  for (const number of numbers(20)) await world.pin(number, [0, 4])
  await world.clock.advance(80 * SECOND_MS)
  assert.equal(world.writes.length, 0)
  await world.clock.advance(MINUTE_MS)
  assert.deepEqual(
    [world.writes.length, new Set(world.writes.map(({ cid }) => cid)).size],
    [20, 20],
    'each once',
  )
})

test('with most of the peers unheard of, nothing moves', async () => {
  await using world = await repinWorld({ peers: 5, unheard: [2, 3, 4], repin: { delayMs: 0 } })
  await fill(world, 50)
  await world.clock.advance(60 * MINUTE_MS)
  assert.equal(world.writes.length, 0)
})

test('what a user pins again on a peer that is drained moves on within seconds, once', async () => {
  await using world = await repinWorld({ peers: 4 })
  await fill(world, 40)
  world.mark(1, { isDraining: true })
  await world.clock.advance(30 * SECOND_MS)
  const { length } = world.writes
  assert.ok(length > 0)
  // As when the user's peer had not heard of the move yet.
  for (const number of [0, 1, 2]) await world.pin(number, [1, 2], { name: 'again' })
  await world.clock.advance(6 * SECOND_MS)
  for (const number of [0, 1, 2]) assert.ok(!(await world.allocationOf(number)).includes(1))
  assert.equal(world.writes.length, length + 3)
})

test('a move changes the peers of a pin and nothing else: it was pinned when a user pinned it', async () => {
  await using world = await repinWorld({ peers: 4 })
  const timestampMs = 1_600_000_000_000
  const options = { name: 'site', timestampMs, metadata: { team: 'web' } }
  for (const number of numbers(30)) await world.pin(number, [1, 2], options)
  const before = await world.consensus.getMany(numbers(30).map(numberedCid))
  world.mark(1, { isDraining: true })
  await world.clock.advance(MINUTE_MS)
  assert.equal(world.writes.length, 30)
  const after = await world.consensus.getMany(numbers(30).map(numberedCid))
  const apart = (pin: (typeof after)[number]) => ({ ...pin, allocations: [] })
  assert.deepEqual(after.map(apart), before.map(apart))
  assert.equal(after[0]?.timestampMs, timestampMs)
})

test('what becomes of what a peer kept is known: it waits, moves, and in the end there is nothing', async () => {
  await using world = await repinWorld({ peers: 5 })
  await fill(world, 100, 4)
  await world.clock.advance(MINUTE_MS)
  await world.die(4)
  await world.clock.advance(2 * SECOND_MS)
  assert.equal(world.fateOf(4, 0), 'empty')
  await world.die(3)
  await world.clock.advance(2 * SECOND_MS)
  assert.equal(world.fateOf(3, 0), 'waits')
  await world.die(2)
  assert.equal(world.fateOf(3, 0), 'guarded')
  await world.comeBack(2)
  await world.clock.advance(299 * SECOND_MS)
  const fates = new Set<string | undefined>()
  for (let second = 0; second < 180; second++) {
    fates.add(world.fateOf(3, 0))
    await world.clock.advance(SECOND_MS)
  }
  assert.deepEqual([...fates], ['waits', 'moves', 'empty'])
})

test('without repinning what a dead peer keeps stays, and of a drained one nothing is left in the end', async () => {
  await using world = await repinWorld({ peers: 4, repin: { isAutomatic: false } })
  await fill(world, 40)
  await world.die(3)
  world.mark(1, { isDraining: true })
  await world.clock.advance(5 * MINUTE_MS)
  assert.equal(world.fateOf(3, 0), 'stays')
  await world.die(1)
  assert.equal(world.fateOf(1, 0), 'empty', 'at once: it got nothing new')
})
