import assert from 'node:assert/strict'
import test from 'node:test'
import { numberedCid } from '../../test/support/numbered-cid.ts'
import { SELF, type TrackerWorld, trackerWorld } from '../../test/support/tracker-world.ts'
import { compareBytes } from '../lib/bytes.ts'
import { cidKey } from '../model/cid.ts'
import { type Pin, toPin } from '../model/pin.ts'
import type { PinInfo, PinStatus } from '../model/pin-status.ts'

const MINUTE_MS = 60_000
const { signal } = new AbortController()

function pinAt(number: number, options: Partial<Pin> = {}): Pin {
  const everywhere = { replicationMin: -1, replicationMax: -1, timestampMs: 1_700_000_000_000 }
  return toPin(numberedCid(number), { ...everywhere, ...options })
}

const elsewhere = { replicationMin: 1, replicationMax: 1, allocations: ['other'] }

async function statusOf({ tracker }: TrackerWorld, number: number): Promise<PinStatus> {
  return (await tracker.status(numberedCid(number), { signal })).status
}

async function list({ tracker }: TrackerWorld, ...filter: PinStatus[]): Promise<PinInfo[]> {
  return drain(tracker.statuses(filter.length === 0 ? undefined : new Set(filter), { signal }))
}

async function drain<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const item of items) all.push(item)
  return all
}

test('a pin goes to IPFS, a removed one leaves it, without a question in between', async () => {
  await using world = await trackerWorld()
  await world.clock.advance(0)
  world.pinset.set(pinAt(1))
  await world.clock.advance(0)
  assert.equal(world.ipfs.held.get(cidKey(numberedCid(1))), 'recursive')
  assert.deepEqual([world.ipfs.calls.pin, world.ipfs.calls.pinned], [1, 0])
  assert.equal(await statusOf(world, 1), 'pinned')
  world.pinset.remove(numberedCid(1))
  await world.clock.advance(0)
  assert.equal(world.ipfs.held.size, 0)
  assert.equal(await statusOf(world, 1), 'unpinned')
})

test('a change that is acted on at once is read once; one that changes behind the reading is read again', async () => {
  await using world = await trackerWorld()
  await world.clock.advance(0)
  world.pinset.reads.count = 0
  world.pinset.set(pinAt(1))
  await world.clock.advance(0)
  assert.deepEqual([world.ipfs.calls.pin, world.pinset.reads.count], [1, 1])
  world.pinset.reads.behind = () => {
    world.pinset.reads.behind = undefined
    world.pinset.remove(numberedCid(2))
  }
  world.pinset.set(pinAt(2))
  await world.clock.advance(0)
  assert.equal(world.ipfs.held.has(cidKey(numberedCid(2))), false)
  assert.equal(world.ipfs.calls.pin, 1)
})

test('what IPFS said before a pin was made does not count after it', async () => {
  await using world = await trackerWorld()
  await world.clock.advance(0)
  const { pinned } = world.ipfs
  const delivered = Promise.withResolvers<void>()
  world.ipfs.pinned = async (cid, options) => {
    const mode = await pinned(cid, options)
    await delivered.promise
    return mode
  }
  const asked = world.tracker.why(numberedCid(1), { signal })
  world.pinset.set(pinAt(1))
  await world.clock.advance(0)
  delivered.resolve()
  assert.equal((await asked).has, 'nothing')
  assert.deepEqual(
    (await list(world)).map(({ status }) => status),
    ['pinned'],
  )
  world.pinset.remove(numberedCid(1))
  await world.clock.advance(0)
  assert.equal(world.ipfs.held.size, 0)
})

test('what others remove while the tracker opens is unpinned', async () => {
  await using world = await trackerWorld()
  world.pinset.set(pinAt(1))
  await world.clock.advance(0)
  assert.equal(world.ipfs.held.size, 1)
  await world.restart(() => world.pinset.remove(numberedCid(1)))
  await world.clock.advance(0)
  assert.equal(world.ipfs.held.size, 0)
})

test('a pin that is removed while it is fetched ends unpinned, also when IPFS finishes it all the same', async () => {
  for (const lateShare of [0, 1]) {
    await using world = await trackerWorld()
    await world.clock.advance(0)
    world.ipfs.faults.delayMaxMs = 10_000
    world.ipfs.faults.lateShare = lateShare
    world.pinset.set(pinAt(1))
    await world.clock.advance(0)
    assert.equal(await statusOf(world, 1), 'pinning')
    world.pinset.remove(numberedCid(1))
    await world.clock.advance(MINUTE_MS)
    assert.equal(world.ipfs.held.size, 0)
    assert.equal(world.ipfs.pinning.size, 0)
  }
})

test('an unpin whose CID is pinned again meanwhile ends pinned', async () => {
  await using world = await trackerWorld()
  world.pinset.set(pinAt(1))
  await world.clock.advance(0)
  world.ipfs.faults.delayMaxMs = 10_000
  world.ipfs.faults.lateShare = 1
  world.pinset.remove(numberedCid(1))
  await world.clock.advance(0)
  assert.equal(await statusOf(world, 1), 'unpinning')
  world.pinset.set(pinAt(1))
  await world.clock.advance(MINUTE_MS)
  assert.equal(world.ipfs.held.size, 1)
})

test('what users pinned in IPFS themselves is never touched', async () => {
  await using world = await trackerWorld()
  for (let number = 0; number < 50; number += 1) world.ipfs.held.set(cidKey(numberedCid(number)), 'recursive')
  for (let number = 100; number < 120; number += 1) world.pinset.set(pinAt(number))
  await world.clock.advance(60 * MINUTE_MS)
  for (let number = 100; number < 120; number += 1) world.pinset.remove(numberedCid(number))
  await world.clock.advance(60 * MINUTE_MS)
  assert.equal(world.ipfs.held.size, 50)
})

test('what was allocated to others while this peer was away is unpinned by the sweep', async () => {
  await using world = await trackerWorld()
  world.ipfs.held.set(cidKey(numberedCid(1)), 'recursive')
  world.pinset.entries.set(cidKey(numberedCid(1)), pinAt(1, elsewhere))
  await world.restart()
  await world.clock.advance(0)
  assert.deepEqual(world.ipfs.released.map(String), [numberedCid(1).toString()])
  assert.equal(await statusOf(world, 1), 'remote')
})

test('changes that concern others cost IPFS nothing', async () => {
  await using world = await trackerWorld()
  await world.clock.advance(0)
  for (let number = 0; number < 100; number += 1) world.pinset.set(pinAt(number, elsewhere))
  await world.clock.advance(0)
  for (let number = 0; number < 100; number += 1) world.pinset.remove(numberedCid(number))
  await world.clock.advance(0)
  assert.deepEqual(world.ipfs.calls, { pin: 0, unpin: 0, pinned: 0, allPinned: 1 })
})

for (const end of ['restart', 'crash'] as const) {
  test(`an unpin that was pending at a ${end} is done by the next run`, async () => {
    await using world = await trackerWorld()
    world.pinset.set(pinAt(1))
    await world.clock.advance(0)
    world.ipfs.faults.isDown = true
    world.pinset.remove(numberedCid(1))
    if (end === 'restart') await world.clock.advance(MINUTE_MS)
    await world[end]()
    world.ipfs.faults.isDown = false
    await world.clock.advance(MINUTE_MS)
    assert.equal(world.ipfs.held.size, 0)
    assert.equal(await statusOf(world, 1), 'unpinned')
  })
}

test('an IPFS node that lost everything is filled again by the sweep', async () => {
  await using world = await trackerWorld()
  for (let number = 0; number < 40; number += 1) world.pinset.set(pinAt(number))
  await world.clock.advance(MINUTE_MS)
  world.ipfs.held.clear()
  await world.clock.advance(13 * MINUTE_MS)
  assert.equal(world.ipfs.held.size, 40)
  assert.ok(world.ipfs.pinningMost <= 3)
})

test('a listing that breaks off changes nothing', async () => {
  await using world = await trackerWorld()
  for (let number = 0; number < 40; number += 1) world.pinset.set(pinAt(number))
  await world.clock.advance(MINUTE_MS)
  const { pin } = world.ipfs.calls
  world.ipfs.faults.cutShare = 1
  await world.clock.advance(60 * MINUTE_MS)
  assert.equal(world.ipfs.calls.pin, pin)
  assert.equal(world.ipfs.calls.unpin, 0)
  assert.ok(world.logger.lines.some(line => line.message.includes('could not be compared')))
})

test('a node that is down costs a few failed pins, and all are there soon after it is back', async () => {
  await using world = await trackerWorld()
  await world.clock.advance(0)
  world.ipfs.faults.isDown = true
  for (let number = 0; number < 100; number += 1) world.pinset.set(pinAt(number))
  await world.clock.advance(20 * MINUTE_MS)
  assert.ok(world.ipfs.calls.pin <= 3, `${world.ipfs.calls.pin} calls`)
  const errors = await list(world, 'pin_error')
  assert.ok(errors.length > 0 && errors.length <= 3)
  assert.match(errors[0]?.error ?? '', /connection refused .*as soon as the IPFS node answers/)
  const queued = await list(world, 'pin_queued')
  assert.equal(queued.length + errors.length, 100)
  for (const { error } of queued) assert.match(error, /^waits for the IPFS node: connection refused/)
  world.ipfs.faults.isDown = false
  await world.clock.advance(11_000)
  assert.equal(world.ipfs.held.size, 100)
})

test('content that cannot be fetched says why and when next, is tried ever less often, and holds up nobody', async () => {
  await using world = await trackerWorld()
  world.ipfs.faults.unfetchable.add(cidKey(numberedCid(1)))
  world.pinset.set(pinAt(1))
  await world.clock.advance(1000)
  const info = await world.tracker.status(numberedCid(1), { signal })
  assert.equal(info.status, 'pin_error')
  assert.match(info.error, /^no block for 2m0s \(tried again at 2023-11-14T22:13:\d\d\.\d{3}Z\)$/)
  assert.deepEqual([info.attemptCount, info.isPriority], [1, true])
  await world.clock.advance(60 * MINUTE_MS)
  const { pin } = world.ipfs.calls
  assert.ok(pin >= 8 && pin <= 20, `${pin} attempts in an hour`)
  world.pinset.set(pinAt(2))
  await world.clock.advance(0)
  assert.equal(await statusOf(world, 2), 'pinned')
})

test('an unpin that fails is tried again by itself', async () => {
  await using world = await trackerWorld()
  world.pinset.set(pinAt(1))
  await world.clock.advance(0)
  world.ipfs.faults.refusedShare = 1
  world.pinset.remove(numberedCid(1))
  await world.clock.advance(1000)
  assert.deepEqual(
    (await list(world, 'unpin_error')).map(info => info.error.slice(0, 7)),
    ['not now'],
  )
  assert.equal((await list(world)).length, 0)
  world.ipfs.faults.refusedShare = 0
  await world.clock.advance(MINUTE_MS)
  assert.equal(world.ipfs.held.size, 0)
})

test('every status has its place, in order of CID bytes, and filters show what they name', async () => {
  await using world = await trackerWorld()
  world.ipfs.faults.unfetchable.add(cidKey(numberedCid(4)))
  world.pinset.set(pinAt(1))
  world.pinset.set(pinAt(2, elsewhere))
  world.pinset.set(pinAt(3, { type: 'meta-pin' }))
  world.pinset.set(pinAt(4))
  world.pinset.set(pinAt(5, { mode: 'direct', maxDepth: 0, name: 'five' }))
  world.pinset.set(pinAt(6))
  await world.clock.advance(5000)
  world.ipfs.held.delete(cidKey(numberedCid(6)))
  const infos = await list(world)
  assert.deepEqual(
    infos.toSorted((a, b) => compareBytes(a.cid.bytes, b.cid.bytes)),
    infos,
  )
  const expected: PinStatus[] = [
    'unpinned',
    'pinned',
    'remote',
    'sharded',
    'pin_error',
    'pinned',
    'unexpectedly_unpinned',
  ]
  for (const [number, status] of expected.entries()) {
    assert.equal(await statusOf(world, number), status, `single ${number}`)
    const listed = infos.find(info => info.cid.equals(numberedCid(number)))
    assert.equal(listed?.status ?? 'unpinned', status, `listed ${number}`)
    if (status === 'unpinned') continue
    const filtered = (await list(world, status)).filter(info => info.cid.equals(numberedCid(number)))
    assert.equal(filtered.length, 1, `filtered ${number}`)
  }
  assert.equal(infos.find(info => info.cid.equals(numberedCid(5)))?.pin?.name, 'five')
  assert.deepEqual(await list(world, 'unpin_error', 'pinning'), [])
})

test('when IPFS does not answer, only what it alone can tell is a cluster_error', async () => {
  await using world = await trackerWorld()
  world.pinset.set(pinAt(1))
  world.pinset.set(pinAt(2, elsewhere))
  await world.clock.advance(MINUTE_MS)
  world.ipfs.faults.isDown = true
  const info = await world.tracker.status(numberedCid(1), { signal })
  assert.deepEqual([info.status, info.error], ['cluster_error', 'connection refused'])
  assert.deepEqual((await list(world)).map(each => each.status).sort(), ['cluster_error', 'remote'])
  assert.deepEqual(
    (await list(world, 'pinned')).map(each => each.status),
    ['cluster_error'],
  )
  assert.deepEqual(
    (await list(world, 'remote')).map(each => each.status),
    ['remote'],
  )
  assert.deepEqual(await list(world, 'pin_error'), [])
})

test('recover tries again what failed or is missing, and leaves the rest alone', async () => {
  await using world = await trackerWorld()
  world.ipfs.faults.unfetchable.add(cidKey(numberedCid(1)))
  for (const number of [1, 2, 3]) world.pinset.set(pinAt(number))
  await world.clock.advance(5000)
  world.ipfs.faults.unfetchable.clear()
  world.ipfs.held.delete(cidKey(numberedCid(2)))
  const one = await world.tracker.recover(numberedCid(1), { signal })
  assert.equal(one.status, 'pinning')
  assert.equal((await world.tracker.recover(numberedCid(3), { signal })).status, 'pinned')
  await world.clock.advance(0)
  assert.equal(await statusOf(world, 1), 'pinned')
  const recovered = await drain(world.tracker.recoverAll({ signal }))
  assert.deepEqual(
    recovered.map(info => info.cid.toString()),
    [numberedCid(2).toString()],
  )
  await world.clock.advance(0)
  assert.equal(world.ipfs.held.size, 3)
  await assert.rejects(world.tracker.recover(numberedCid(9), { signal }), { code: 'NOT_FOUND' })
})

test('recoverAll tries failed unpins again, once each', async () => {
  await using world = await trackerWorld()
  world.pinset.set(pinAt(1))
  world.pinset.set(pinAt(2))
  await world.clock.advance(0)
  world.ipfs.faults.refusedShare = 1
  world.pinset.remove(numberedCid(1))
  world.pinset.set(pinAt(2, elsewhere))
  await world.clock.advance(1000)
  world.ipfs.faults.refusedShare = 0
  const recovered = await drain(world.tracker.recoverAll({ signal }))
  assert.equal(recovered.length, 2)
  await world.clock.advance(0)
  assert.equal(world.ipfs.held.size, 0)
})

test('a direct pin of what is held recursively is pinned, not an error for ever', async () => {
  await using world = await trackerWorld()
  world.ipfs.held.set(cidKey(numberedCid(1)), 'recursive')
  world.pinset.set(pinAt(1, { mode: 'direct', maxDepth: 0 }))
  await world.clock.advance(1000)
  assert.equal(await statusOf(world, 1), 'pinned')
  assert.equal(world.ipfs.held.get(cidKey(numberedCid(1))), 'recursive')
})

test('many names come out of the table in order of CID bytes', async () => {
  await using world = await trackerWorld()
  await world.clock.advance(0)
  world.ipfs.faults.isDown = true
  for (let number = 0; number < 40_000; number += 1) world.pinset.set(pinAt(number))
  await world.clock.advance(0)
  const listing = list(world, 'pin_queued', 'pin_error')
  for (let step = 0; step < 10; step += 1) await world.clock.advance(1)
  const infos = await listing
  assert.equal(infos.length, 40_000)
  assert.ok(
    infos.every(
      (info, at) =>
        at === 0 || compareBytes(infos[at - 1]?.cid.bytes ?? new Uint8Array(), info.cid.bytes) < 0,
    ),
  )
})

test('the queue is told in numbers', async () => {
  await using world = await trackerWorld()
  world.ipfs.faults.delayMaxMs = 1_000_000
  for (let number = 0; number < 10; number += 1) world.pinset.set(pinAt(number, { allocations: [SELF] }))
  await world.clock.advance(0)
  assert.equal(world.tracker.queueLength, 7)
})
