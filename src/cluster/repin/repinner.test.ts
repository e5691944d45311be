import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { numberedCid } from '../../../test/support/numbered-cid.ts'
import { type RepinWorld, repinWorld } from '../../../test/support/repin-world.ts'
import { cidKey } from '../../model/cid.ts'

const SECOND_MS = 1000
const MINUTE_MS = 60_000
const { signal } = new AbortController()
const numbers = (count: number) => Array.from({ length: count }, (_, at) => at)

/** So many pins on two of the first peers each, spread evenly. */
async function fill(world: RepinWorld, count: number, peers = world.peers.length): Promise<void> {
  for (const number of numbers(count)) {
    const first = number % peers
    const second = (first + 1 + (Math.floor(number / peers) % (peers - 1))) % peers
    await world.pin(number, [first, second])
  }
  await world.clock.advance(SECOND_MS)
}

async function without(world: RepinWorld, count: number, copies: number): Promise<number[]> {
  const poor: number[] = []
  for (const number of numbers(count)) if ((await world.copiesOf(number)) < copies) poor.push(number)
  return poor
}

/** Every write is the only one of its CID. */
function assertOnce(world: RepinWorld, count: number): void {
  assert.equal(new Set(world.writes.map(({ cid }) => cid)).size, world.writes.length, 'written twice')
  assert.equal(world.writes.length, count)
}

test('what a dead peer kept is on two others soon after the delay: one write for each pin, none before', async () => {
  await using world = await repinWorld({ peers: 5 })
  await fill(world, 300)
  await world.die(2)
  const lost = (await without(world, 300, 2)).length
  assert.equal(lost, 120)
  await world.clock.advance(299 * SECOND_MS)
  assert.equal(world.writes.length, 0)
  await world.clock.advance(10 * SECOND_MS)
  assert.deepEqual(await without(world, 300, 2), [])
  assertOnce(world, lost)
  const movers = new Set(world.writes.map(({ by }) => by))
  assert.equal(movers.size, 4, 'all have their share of the work')
  await world.clock.advance(60 * MINUTE_MS)
  assertOnce(world, lost)
})

test('the pins of a dead peer spread evenly over the others', async () => {
  await using world = await repinWorld({ peers: 4, repin: { delayMs: 0 } })
  await fill(world, 2000)
  await world.die(0)
  await world.clock.advance(MINUTE_MS)
  const counts = new Map<number, number>()
  for (const number of numbers(2000))
    for (const peer of await world.allocationOf(number)) counts.set(peer, (counts.get(peer) ?? 0) + 1)
  assert.deepEqual(
    [...counts.keys()].sort((a, b) => a - b),
    [1, 2, 3],
  )
  for (const [peer, count] of counts) assert.ok(Math.abs(count / (4000 / 3) - 1) < 0.05, `${peer}: ${count}`)
})

test('a peer that returns before the delay is over causes nothing', async () => {
  await using world = await repinWorld({ peers: 4 })
  await fill(world, 40)
  await world.die(1)
  await world.clock.advance(4 * MINUTE_MS)
  await world.comeBack(1)
  await world.clock.advance(60 * MINUTE_MS)
  assert.equal(world.writes.length, 0)
  assert.deepEqual(await without(world, 40, 2), [])
  assert.ok(world.peers.every(({ ipfs }) => ipfs.released.length === 0))
})

test('a peer that returns in the midst of it ends it at once, and lets go only of what others hold', async () => {
  await using world = await repinWorld({ peers: 4, repin: { delayMs: 0, perSecond: 5 } })
  await fill(world, 400)
  await world.die(1)
  await world.clock.advance(8 * SECOND_MS)
  assert.ok(world.writes.length > 50 && world.writes.length < 180, String(world.writes.length))
  const comingBack = world.comeBack(1)
  const { length } = world.writes
  await comingBack
  await world.clock.advance(60 * MINUTE_MS)
  assert.equal(world.writes.length, length)
  assertOnce(world, length)
  assert.deepEqual(await without(world, 400, 2), [])
  const returned = world.peers[1]
  assert.equal(returned?.ipfs.released.length, length, 'what is surplus now is gone')
  assert.equal(returned?.ipfs.held.size, 200 - length)
})

test('when more than half of the others are away nothing moves, and an alert says why, until enough are back', async () => {
  await using world = await repinWorld({ peers: 6, repin: { delayMs: 0 } })
  await fill(world, 120)
  for (const peer of [3, 4, 5]) world.become(peer, 'unreachable')
  for (const peer of [3, 4, 5]) await world.die(peer)
  await world.clock.advance(60 * MINUTE_MS)
  assert.equal(world.writes.length, 0)
  assert.match(world.peers[0]?.alerts.get('partition-guard') ?? '', /^3 of 5 other peers are away/)
  await world.comeBack(3)
  await world.clock.advance(MINUTE_MS)
  assert.equal(world.peers[0]?.alerts.has('partition-guard'), false)
  assert.ok(world.writes.length > 0)
  const live = [0, 1, 2, 3].map(peer => world.idOf(peer))
  for (const { to } of world.writes) assert.ok(to.every(peer => live.includes(peer)))
})

test('peers that come back one after the other when a partition ends move nothing of each other', async () => {
  await using world = await repinWorld({ peers: 6, repin: { delayMs: 0 } })
  await fill(world, 60)
  for (const peer of [1, 2, 3, 4, 5]) world.become(peer, 'unreachable')
  for (const peer of [1, 2, 3, 4, 5]) world.become(peer, 'gone')
  await world.clock.advance(30 * MINUTE_MS)
  for (const peer of [1, 2, 3, 4, 5]) {
    world.become(peer, 'alive')
    await world.clock.advance(2 * SECOND_MS)
  }
  await world.clock.advance(30 * MINUTE_MS)
  assert.equal(world.writes.length, 0)
})

for (const [peers, dead] of [
  [2, 1],
  [4, 2],
] as const) {
  test(`half of ${peers} peers moves nothing by itself`, async () => {
    await using world = await repinWorld({ peers, repin: { delayMs: 0 } })
    for (const number of numbers(10)) await world.pin(number, [peers - 1])
    for (const at of numbers(dead)) world.become(peers - 1 - at, 'unreachable')
    for (const at of numbers(dead)) await world.die(peers - 1 - at)
    await world.clock.advance(60 * MINUTE_MS)
    assert.equal(world.writes.length, 0)
  })
}

test('of three peers the two that are left move what they can', async () => {
  await using world = await repinWorld({ peers: 3, repin: { delayMs: 0 } })
  await fill(world, 30)
  await world.die(2)
  await world.clock.advance(MINUTE_MS)
  assert.deepEqual(await without(world, 30, 2), [])
})

test('a peer in maintenance may be away until that is over', async () => {
  await using world = await repinWorld({ peers: 4, repin: { delayMs: 0 } })
  await fill(world, 40)
  world.mark(1, { maintenanceUntilMs: world.clock.now() + 30 * MINUTE_MS })
  await world.die(1)
  await world.clock.advance(29 * MINUTE_MS)
  assert.equal(world.writes.length, 0)
  await world.clock.advance(2 * MINUTE_MS)
  assertOnce(world, 20)
})

test('a peer that is drained gives everything away, and keeps each copy until the others have theirs', async () => {
  await using world = await repinWorld({ peers: 4, repin: { isAutomatic: false } })
  await fill(world, 200)
  for (const peer of world.peers) peer.ipfs.faults.delayMaxMs = 5000
  world.mark(0, { isDraining: true })
  await world.clock.advance(5 * MINUTE_MS)
  assertOnce(world, 100)
  assert.equal(world.peers[0]?.ipfs.held.size, 0)
  assert.deepEqual(await without(world, 200, 2), [])
  world.mark(0, { isDraining: true })
  await world.clock.advance(60 * MINUTE_MS)
  assertOnce(world, 100)
})

test('a removed peer is left at once, dead or alive, also where repinning is switched off', async () => {
  await using world = await repinWorld({ peers: 5, repin: { isAutomatic: false } })
  await fill(world, 100)
  await world.die(1)
  await world.clock.advance(60 * MINUTE_MS)
  assert.equal(world.writes.length, 0)
  world.mark(1, { isRemoved: true })
  world.mark(2, { isRemoved: true })
  await world.clock.advance(2 * MINUTE_MS)
  assert.deepEqual(await without(world, 100, 2), [])
  assert.ok(world.writes.every(({ by }) => by !== world.idOf(1) && by !== world.idOf(2)))
})

test('what too few peers can take stays as it is, until one comes that can', async () => {
  await using world = await repinWorld({ peers: 3, repin: { delayMs: 0 } })
  for (const number of numbers(20)) await world.pin(number, [0, 1, 2])
  await world.die(2)
  await world.clock.advance(30 * MINUTE_MS)
  assert.equal(world.writes.length, 0)
  const alerts = () => world.peers.flatMap(peer => [...peer.alerts.values()])
  assert.match(alerts().join(), /pins stay on peers that leave, since too few others can take them/)
  await world.join()
  await world.clock.advance(5 * SECOND_MS)
  assert.deepEqual(await without(world, 20, 3), [])
  await world.clock.advance(2 * MINUTE_MS)
  assertOnce(world, 20)
  assert.deepEqual(alerts(), [])
})

test('between the minimum and the maximum there are as many copies as before', async () => {
  await using world = await repinWorld({ peers: 5, repin: { delayMs: 0 } })
  await world.pin(0, [0, 1, 2], { replicationMin: 1, replicationMax: 4 })
  await world.pin(1, [0, 1, 2, 3, 4], { replicationMin: 2, replicationMax: 5 })
  await world.die(0)
  await world.clock.advance(MINUTE_MS)
  assert.equal(await world.copiesOf(0), 3)
  assert.deepEqual(await world.allocationOf(1), [1, 2, 3, 4])
})

test('pins on every peer are left alone', async () => {
  await using world = await repinWorld({ peers: 4, repin: { delayMs: 0 } })
  await world.pin(0, [0, 1], { replicationMin: -1, replicationMax: -1 })
  await world.die(0)
  await world.clock.advance(60 * MINUTE_MS)
  assert.equal(world.writes.length, 0)
})

test('what a user changes in the last moment is not overwritten', async () => {
  await using world = await repinWorld({ peers: 4, repin: { delayMs: 0 } })
  await fill(world, 30)
  let changed = 0
  world.beforeWrite = pins => {
    const [first] = pins
    if (changed > 0 || first === undefined) return
    changed++
    const name = 'changed by a user'
    void world.consensus
      .get(first.cid)
      .then(pin => pin && world.consensus.put([{ ...pin, name }], { signal }))
  }
  await world.die(1)
  await world.clock.advance(5 * MINUTE_MS)
  let kept = 0
  for await (const { name } of world.consensus.pins({}, { signal })) if (name === 'changed by a user') kept++
  assert.equal(kept, 1)
  assert.deepEqual(await without(world, 30, 2), [], 'and is moved with the change')
})

test('content of which no allocated peer is left is allocated anew all the same, and there when one returns', async () => {
  await using world = await repinWorld({ peers: 6, repin: { delayMs: 0 } })
  for (const number of numbers(20)) await world.pin(number, [4, 5])
  for (const number of numbers(20)) await world.pin(100 + number, [3, 4])
  await world.clock.advance(SECOND_MS)
  await world.die(4)
  await world.die(5)
  await world.clock.advance(10 * MINUTE_MS)
  assertOnce(world, 40)
  assert.equal(await world.copiesOf(0), 0)
  assert.equal(await world.copiesOf(100), 2)
  await world.comeBack(5)
  await world.clock.advance(60 * MINUTE_MS)
  for (const number of numbers(20)) assert.equal(await world.copiesOf(number), 2)
  assert.equal(world.peers[5]?.ipfs.held.size, 0, 'the peer that kept it has handed it over')
})

test('the pins with the fewest live copies come first, those without any last', async () => {
  await using world = await repinWorld({ peers: 5, repin: { delayMs: 0, perSecond: 5 } })
  for (const number of numbers(60)) {
    await world.pin(3 * number, [0, 1, 4], { replicationMin: 1 })
    await world.pin(3 * number + 1, [0, 4])
    await world.pin(3 * number + 2, [4])
  }
  await world.clock.advance(SECOND_MS)
  await world.die(4)
  await world.clock.advance(10 * MINUTE_MS)
  for (const peer of world.peers) {
    const sizes = world.writes.filter(({ by }) => by === peer.id).map(({ from }) => from.length)
    assert.deepEqual(
      sizes,
      sizes.toSorted((a, b) => (a % 3 === 1 ? 4 : a) - (b % 3 === 1 ? 4 : b)),
    )
  }
  assert.equal(world.writes.length, 180)
})

test('a slow peer has no more on the way than allowed, and holds the others up as little as possible', async () => {
  await using world = await repinWorld({ peers: 4, repin: { delayMs: 0, inFlightMax: 10, perSecond: 100 } })
  await fill(world, 600)
  for (const peer of world.peers) peer.ipfs.faults.delayMaxMs = 2000
  const slow = world.peers[2]
  assert.ok(slow)
  slow.ipfs.faults.delayMaxMs = 60_000
  await world.die(3)
  await world.clock.advance(5 * SECOND_MS)
  let onTheWay = 0
  for (const number of numbers(600)) {
    const isThere = slow.ipfs.held.has(cidKey(numberedCid(number)))
    if ((await world.allocationOf(number)).includes(2) && !isThere) onTheWay++
  }
  // Three peers move things to it, each a batch at a time.
  assert.ok(onTheWay <= 3 * (10 + 100), String(onTheWay))
})

test('a peer that starts again in the midst of it goes on', async () => {
  await using world = await repinWorld({ peers: 5, repin: { delayMs: 60_000, perSecond: 1 } })
  await fill(world, 200)
  await world.die(4)
  await world.clock.advance(70 * SECOND_MS)
  const { length } = world.writes
  assert.ok(length > 10 && length < 60)
  await world.die(0)
  await world.comeBack(0)
  await world.clock.advance(10 * MINUTE_MS)
  assertOnce(world, 80)
  assert.deepEqual(await without(world, 200, 2), [])
})

test('where the nearest peer cannot write, the next one does after a while', async () => {
  await using world = await repinWorld({ peers: 5, repin: { delayMs: 0 } })
  await fill(world, 100)
  const [first] = world.peers
  assert.ok(first)
  first.isReadOnly = true
  await world.die(4)
  await world.clock.advance(30 * SECOND_MS)
  const left = await without(world, 100, 2)
  assert.ok(left.length > 0 && left.length < 40, `${left.length} are the duty of the peer that cannot`)
  await world.clock.advance(5 * MINUTE_MS)
  assert.deepEqual(await without(world, 100, 2), [])
  assertOnce(world, 40)
})

const anyPeer = fc.nat(5)
const anyEvent = fc.oneof(
  { weight: 3, arbitrary: fc.record({ what: fc.constantFrom('die', 'return'), peer: anyPeer }) },
  {
    weight: 3,
    arbitrary: fc.record({
      what: fc.constantFrom('drain', 'undrain', 'slow', 'quick', 'doubt', 'trust'),
      peer: anyPeer,
    }),
  },
  { weight: 4, arbitrary: fc.record({ what: fc.constant('wait'), peer: fc.constantFrom(0, 1, 7, 40, 400) }) },
)

test('whatever happens to peers, no content is lost, and in the end everything has its copies and nothing more', async () => {
  const PINS = 24
  const property = fc.asyncProperty(fc.array(anyEvent, { maxLength: 25, size: 'max' }), async events => {
    await using world = await repinWorld({
      peers: 6,
      repin: { delayMs: 20_000, perSecond: 3, inFlightMax: 3 },
    })
    await fill(world, PINS)
    const isDead = new Set<number>()
    for (const { what, peer } of events) {
      const { ipfs } = world.peers[peer % 6] ?? assert.fail()
      if (what === 'die' && !isDead.has(peer)) await world.die(peer)
      if (what === 'return' && isDead.has(peer)) await world.comeBack(peer)
      if (what === 'die') isDead.add(peer)
      if (what === 'return') isDead.delete(peer)
      if (what === 'drain' || what === 'undrain') world.mark(peer, { isDraining: what === 'drain' })
      if (what === 'slow') ipfs.faults.delayMaxMs = 30_000
      if (what === 'quick') ipfs.faults.delayMaxMs = 0
      if (what === 'doubt' && !isDead.has(peer)) world.become(peer, 'unreachable')
      if (what === 'trust' && !isDead.has(peer)) world.become(peer, 'alive')
      if (what === 'wait') await world.clock.advance(peer * SECOND_MS)
      for (const number of numbers(PINS)) {
        const name = cidKey(numberedCid(number))
        assert.ok(
          world.peers.some(each => each.ipfs.held.has(name)),
          `${number} is nowhere`,
        )
      }
    }
    for (const at of numbers(6)) {
      if (isDead.has(at)) await world.comeBack(at)
      else world.become(at, 'alive')
      world.mark(at, { isDraining: false })
      const { ipfs } = world.peers[at] ?? assert.fail()
      ipfs.faults.delayMaxMs = 0
    }
    await world.clock.advance(20 * MINUTE_MS)
    assert.deepEqual(await without(world, PINS, 2), [])
    const held = world.peers.reduce((sum, { ipfs }) => sum + ipfs.held.size, 0)
    assert.equal(held, 2 * PINS, 'nothing is held that need not be')
    const { length } = world.writes
    await world.clock.advance(5 * MINUTE_MS)
    assert.equal(world.writes.length, length)
  })
  await fc.assert(property, { numRuns: 10 })
})
