import assert from 'node:assert/strict'
import test from 'node:test'
import { numberedCid } from '../../../test/support/numbered-cid.ts'
import { type RepinWorld, type RepinWorldOptions, repinWorld } from '../../../test/support/repin-world.ts'
import { cidKey } from '../../model/cid.ts'
import { type Pin, toPin } from '../../model/pin.ts'
import { REQUIRE_KEY } from '../../model/placement.ts'

const SECOND_MS = 1000
const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const { signal } = new AbortController()

/** Peers of which those that are named have no room, on a pinset that was there before any of them was short of it. */
async function worldWith(full: readonly number[], options: RepinWorldOptions): Promise<RepinWorld> {
  const world = await repinWorld(options)
  for (const peer of full) setRoom(world, peer, false)
  await world.clock.advance(31 * SECOND_MS)
  return world
}

function setRoom(world: RepinWorld, peer: number, hasRoom: boolean): void {
  const found = world.peers[peer]
  assert.ok(found !== undefined)
  found.hasRoom = hasRoom
}

/** A user pins content that some node of the world has, on peers that have to fetch it first. */
async function wish(
  world: RepinWorld,
  number: number,
  peers: readonly number[],
  options: Partial<Pin> = {},
): Promise<void> {
  const allocations = peers.map(peer => world.idOf(peer))
  const copies = { replicationMin: peers.length, replicationMax: peers.length }
  const pin = toPin(numberedCid(number), { allocations, ...copies, ...options })
  // Outside of the cluster: nobody lets go of it.
  world.source.add(cidKey(pin.cid))
  await world.consensus.put([pin], { signal })
}

function alertsOf(world: RepinWorld): readonly string[] {
  return world.peers.flatMap(({ alerts }) => alerts.get('no-room') ?? [])
}

test('what finds no room is placed elsewhere once, and the other copies stay', async () => {
  await using world = await worldWith([0], { peers: 4 })
  await wish(world, 1, [0, 1])
  await world.clock.advance(MINUTE_MS)
  const after = await world.allocationOf(1)
  assert.equal(after.length, 2)
  assert.ok(after.includes(1) && !after.includes(0), `it is on ${after.join()}`)
  assert.equal(world.writes.length, 1)
  assert.equal(await world.copiesOf(1), 2)
  assert.deepEqual(alertsOf(world), [])
  assert.ok(world.peers.every(({ ipfs }) => ipfs.released.length === 0))
  await world.clock.advance(HOUR_MS)
  assert.equal(world.writes.length, 1)
})

test('it does not move where the settings say that nothing moves by itself, nor in a partition', async () => {
  await using stays = await worldWith([0], { peers: 3, repin: { isAutomatic: false } })
  await wish(stays, 1, [0])
  await stays.clock.advance(HOUR_MS)
  assert.equal(stays.writes.length, 0)
  await using parted = await worldWith([0], { peers: 4 })
  await parted.die(2)
  await parted.die(3)
  await wish(parted, 1, [0])
  await parted.clock.advance(HOUR_MS)
  assert.equal(parted.writes.length, 0)
})

test('content that fits nowhere is tried on a few peers, then stays, and an alert says so until it has room', async () => {
  await using world = await worldWith([0, 1, 2, 3, 4, 5, 6], { peers: 7 })
  await wish(world, 1, [0])
  await world.clock.advance(10 * MINUTE_MS)
  assert.equal(world.writes.length, 3)
  const [alert = ''] = alertsOf(world)
  assert.match(alert, new RegExp(`1 pin finds no room .* For example ${numberedCid(1)}: it found no room`))
  await world.clock.advance(2 * HOUR_MS)
  assert.equal(world.writes.length, 3, 'it does not go round in circles')
  const [keeper = -1] = await world.allocationOf(1)
  setRoom(world, keeper, true)
  await world.clock.advance(15 * MINUTE_MS)
  assert.equal(await world.copiesOf(1), 1, 'it is pinned where it is, once there is room')
  assert.deepEqual(alertsOf(world), [])
  assert.equal(world.writes.length, 3)
})

test('with nobody else to take it nothing is written; a peer that joins gets it', async () => {
  await using world = await worldWith([0], { peers: 2 })
  await wish(world, 1, [0, 1])
  await world.clock.advance(20 * MINUTE_MS)
  assert.equal(world.writes.length, 0)
  assert.deepEqual(await world.allocationOf(1), [0, 1])
  assert.match(alertsOf(world)[0] ?? '', /no other peer can take it/)
  await world.join()
  await world.clock.advance(10 * MINUTE_MS)
  assert.deepEqual(await world.allocationOf(1), [1, 2])
  assert.equal(await world.copiesOf(1), 2)
  assert.deepEqual(alertsOf(world), [])
})

test('room that is made before the second try leaves it where it is', async () => {
  await using world = await worldWith([0], { peers: 3 })
  await wish(world, 1, [0])
  await world.clock.advance(2 * SECOND_MS)
  setRoom(world, 0, true)
  await world.clock.advance(HOUR_MS)
  assert.deepEqual(await world.allocationOf(1), [0])
  assert.equal(await world.copiesOf(1), 1)
  assert.equal(world.writes.length, 0)
})

test('a user who pins it meanwhile wins, and nobody lets go of the only copy', async () => {
  await using world = await worldWith([0], { peers: 4 })
  await wish(world, 1, [0])
  let isOvertaken = false
  world.beforeWrite = () => {
    if (isOvertaken) return
    isOvertaken = true
    void wish(world, 1, [3], { name: 'by a user', timestampMs: world.clock.now() })
  }
  await world.clock.advance(2 * MINUTE_MS)
  assert.ok(isOvertaken)
  assert.equal((await world.consensus.get(numberedCid(1)))?.name, 'by a user')
  assert.deepEqual(await world.allocationOf(1), [3])
})

test('many pins on a full peer move at the rate, and not all at once when the whole cluster is full', async () => {
  await using world = await worldWith([0], { peers: 4, repin: { perSecond: 10 } })
  for (let number = 0; number < 120; number++) await wish(world, number, [0])
  await world.clock.advance(40 * MINUTE_MS)
  const left: number[] = []
  for (let number = 0; number < 120; number++) if ((await world.copiesOf(number)) < 1) left.push(number)
  assert.deepEqual(left, [])
  assert.equal(world.writes.length, 120)
  await using full = await worldWith([0, 1, 2, 3], { peers: 4 })
  for (let number = 0; number < 50; number++) await wish(full, number, [number % 4])
  await full.clock.advance(HOUR_MS)
  assert.ok(full.writes.length <= 3 * 50, `${full.writes.length} writes`)
})

test('a drain ends where what was placed first has no room', async () => {
  await using world = await worldWith([1, 2], { peers: 4 })
  for (let number = 0; number < 20; number++) await world.pin(number, [0])
  world.mark(0, { isDraining: true })
  await world.clock.advance(20 * MINUTE_MS)
  for (let number = 0; number < 20; number++) {
    assert.deepEqual(await world.allocationOf(number), [3])
    assert.equal(await world.copiesOf(number), 1)
  }
  assert.equal(world.peers[0]?.ipfs.held.size, 0, 'it was handed over')
})

test('the nearest peer cannot write: the next one places it', async () => {
  await using world = await worldWith([0], { peers: 4 })
  for (const peer of world.peers) peer.isReadOnly = true
  await wish(world, 1, [0])
  await world.clock.advance(5 * MINUTE_MS)
  assert.equal(world.writes.length, 0)
  const writable = world.peers[2]
  assert.ok(writable !== undefined)
  writable.isReadOnly = false
  await world.clock.advance(20 * MINUTE_MS)
  assert.equal(world.writes.length, 1)
  assert.equal(await world.copiesOf(1), 1)
})

test('restarts of the full peer, or of the one that moves, hold it up and move nothing twice', async () => {
  await using world = await worldWith([0], { peers: 4 })
  await wish(world, 1, [0])
  await world.clock.advance(5 * SECOND_MS)
  await world.die(0)
  await world.clock.advance(30 * SECOND_MS)
  await world.comeBack(0)
  await world.clock.advance(5 * MINUTE_MS)
  assert.equal(world.writes.length, 1)
  assert.equal(await world.copiesOf(1), 1)
  const by = world.peers.findIndex(({ id }) => id === world.writes[0]?.by)
  await world.die(by)
  await world.clock.advance(30 * SECOND_MS)
  await world.comeBack(by)
  await world.clock.advance(HOUR_MS)
  assert.equal(world.writes.length, 1)
})

test('an IPFS node that is slow is not taken for a full one, and a full one that is slow is', async () => {
  await using world = await worldWith([], { peers: 3 })
  const [slow] = world.peers
  assert.ok(slow !== undefined)
  slow.ipfs.faults.delayMaxMs = 10 * MINUTE_MS
  await wish(world, 1, [0])
  await world.clock.advance(HOUR_MS)
  assert.deepEqual(await world.allocationOf(1), [0])
  assert.equal(world.writes.length, 0)
  setRoom(world, 0, false)
  slow.ipfs.faults.delayMaxMs = MINUTE_MS
  await wish(world, 2, [0])
  await world.clock.advance(HOUR_MS)
  assert.equal(world.writes.length, 1)
  assert.equal(await world.copiesOf(2), 1)
})

test('tags that a pin asks for hold: it stays rather than going where it must not be', async () => {
  await using world = await worldWith([0], { peers: 3 })
  const metadata = { [REQUIRE_KEY]: 'region=eu' }
  await wish(world, 1, [0], { metadata })
  await world.clock.advance(30 * MINUTE_MS)
  assert.equal(world.writes.length, 0)
  assert.equal(alertsOf(world).length, 1)
})
