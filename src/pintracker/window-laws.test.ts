import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { numberedCid } from '../../test/support/numbered-cid.ts'
import { type TrackerWorld, trackerWorld } from '../../test/support/tracker-world.ts'
import { ClusterError } from '../errors.ts'
import { cidFromKey, cidKey } from '../model/cid.ts'
import { type Pin, toPin } from '../model/pin.ts'
import type { PinInfo, PinStatus } from '../model/pin-status.ts'

const SECOND_MS = 1000
const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
const WINDOW = 4
/** As many calls at a time as the tracker of `trackerWorld` makes. */
const WORKERS = 3
const { signal } = new AbortController()
const here = { replicationMin: -1, replicationMax: -1 }
const elsewhere = { replicationMin: 1, replicationMax: 1, allocations: ['other'] }

const numbers = (count: number, from = 0) => Array.from({ length: count }, (_, at) => from + at)
const keyOf = (number: number) => cidKey(numberedCid(number))

function pinAt(world: TrackerWorld, number: number, options: Partial<Pin> = {}): Pin {
  return toPin(numberedCid(number), { ...here, timestampMs: world.clock.now(), ...options })
}

async function list({ tracker }: TrackerWorld, ...filter: PinStatus[]): Promise<readonly PinInfo[]> {
  const infos: PinInfo[] = []
  const wanted = filter.length === 0 ? undefined : new Set(filter)
  for await (const info of tracker.statuses(wanted, { signal })) infos.push(info)
  return infos
}

/** The CIDs in the order in which IPFS was asked to pin them. */
function noteCalls(world: TrackerWorld): string[] {
  const begun: string[] = []
  const { pin } = world.ipfs
  world.ipfs.pin = (cid, mode, options) => {
    begun.push(cidKey(cid))
    return pin(cid, mode, options)
  }
  return begun
}

/** Only pinning takes time. */
function slowPins(world: TrackerWorld): void {
  const { pin } = world.ipfs
  world.ipfs.pin = async (cid, mode, options) => {
    await world.clock.sleep(SECOND_MS, options.signal)
    return pin(cid, mode, options)
  }
}

/** Whether IPFS was asked just now makes no difference here. */
const known = (status: PinStatus) => (status === 'cluster_error' ? 'pinned' : status)

/** That every way to ask says the same, and how many are in each state. */
async function countsOf(world: TrackerWorld): Promise<ReadonlyMap<PinStatus, number>> {
  const infos = (await list(world)).map(info => ({ ...info, status: known(info.status) }))
  const counts = new Map<PinStatus, number>()
  for (const { status } of infos) counts.set(status, (counts.get(status) ?? 0) + 1)
  const summary = await world.tracker.summary({ signal })
  const statuses = [...summary.statuses].map(([status, count]) => [known(status), count] as const)
  // Unpins of what has no entry any more are counted, but not listed.
  const isListed = ([status]: readonly [PinStatus, number]) => !status.startsWith('unpin')
  assert.deepEqual(new Map(statuses.filter(isListed)), new Map([...counts].filter(isListed)))
  assert.equal(world.tracker.queueLength, counts.get('pin_queued') ?? 0)
  for (const status of ['pin_queued', 'pinning', 'pin_error', 'pinned'] as const) {
    const names = (each: readonly Pick<PinInfo, 'cid'>[]) => each.map(({ cid }) => cidKey(cid))
    assert.deepEqual(
      names(await list(world, status)),
      names(infos.filter(info => info.status === status)),
      status,
    )
  }
  for (const info of infos) {
    const { status } = await world.tracker.status(info.cid, { signal })
    assert.equal(known(status), info.status)
  }
  return counts
}

test('what waits beyond the window is queued, whoever asks, while IPFS is away, and is pinned when it is back', async () => {
  await using world = await trackerWorld({ windowMax: WINDOW })
  await world.clock.advance(0)
  world.ipfs.faults.isDown = true
  for (const number of numbers(100)) world.pinset.set(pinAt(world, number))
  await world.clock.advance(HOUR_MS)
  const counts = await countsOf(world)
  assert.equal((counts.get('pin_queued') ?? 0) + (counts.get('pin_error') ?? 0), 100)
  assert.ok((counts.get('pin_error') ?? 0) <= WORKERS)
  for (const { error, reason } of await list(world, 'pin_queued')) {
    assert.match(error, /^waits for the IPFS node: connection refused/)
    assert.equal(reason, 'IPFS_UNAVAILABLE')
  }
  world.ipfs.faults.isDown = false
  await world.clock.advance(20 * SECOND_MS)
  assert.equal(world.ipfs.held.size, 100)
  assert.deepEqual([...(await countsOf(world))], [['pinned', 100]])
})

test('at every moment every way to ask says the same, and nothing that is to be pinned is unaccounted for', async () => {
  const anyEvent = fc.oneof(
    fc.record({ what: fc.constantFrom('set', 'old', 'elsewhere', 'remove', 'recover'), number: fc.nat(19) }),
    fc.record({ what: fc.constantFrom('down', 'up', 'unfetchable', 'fetchable', 'recoverAll', 'restart') }),
    fc.record({ what: fc.constantFrom('removals', 'changes'), number: fc.nat(19) }),
    fc.record({ what: fc.constant('wait'), ms: fc.constantFrom(0, 100, 5000, 700_000) }),
  )
  const property = fc.asyncProperty(
    fc.array(anyEvent, { maxLength: 40, size: 'max' }),
    fc.constantFrom(1, 2, 4),
    async (events, windowMax) => {
      await using world = await trackerWorld({ windowMax })
      slowPins(world)
      await world.clock.advance(SECOND_MS)
      for (const event of events) {
        await happen(world, event)
        await world.clock.advance(0)
        // What is not looked at yet has no state of its own.
        if (world.tracker.handOverCount > 0) continue
        for (const [status] of await countsOf(world))
          assert.ok(status !== 'unexpectedly_unpinned', 'a pin is missing and nobody knows')
      }
      world.ipfs.faults.isDown = false
      world.ipfs.faults.unfetchable.clear()
      await world.clock.advance(2 * HOUR_MS)
      for (const pin of world.pinset.entries.values()) {
        const isHere = pin.allocations.length === 0
        assert.equal(world.ipfs.held.has(cidKey(pin.cid)), isHere, `${pin.cid}`)
      }
      assert.equal(world.tracker.queueLength, 0)
    },
  )
  await fc.assert(property, { numRuns: 300 })
})

async function happen(
  world: TrackerWorld,
  { what, number = 0, ms = 0 }: { what: string; number?: number; ms?: number },
): Promise<void> {
  const { faults } = world.ipfs
  const actions: Record<string, () => unknown> = {
    set: () => world.pinset.set(pinAt(world, number)),
    old: () => world.pinset.set(pinAt(world, number, { timestampMs: world.clock.now() - 2 * DAY_MS })),
    elsewhere: () => world.pinset.set(pinAt(world, number, elsewhere)),
    remove: () => world.pinset.remove(numberedCid(number)),
    removals: () => numbers(number).forEach(each => world.pinset.remove(numberedCid(each))),
    changes: () => numbers(number).forEach(each => world.pinset.set(pinAt(world, each))),
    recover: () => world.tracker.recover(numberedCid(number), { signal }).catch(() => undefined),
    recoverAll: async () => {
      for await (const info of world.tracker.recoverAll({ signal })) assert.ok(info.status !== 'pinned')
    },
    down: () => (faults.isDown = true),
    up: () => (faults.isDown = false),
    unfetchable: () => numbers(10).forEach(each => faults.unfetchable.add(keyOf(each))),
    fetchable: () => faults.unfetchable.clear(),
    restart: () => world.restart(),
    wait: () => world.clock.advance(ms),
  }
  const done = Promise.resolve(actions[what]?.())
  if (what.startsWith('recover') || what === 'restart') await world.clock.advance(5 * SECOND_MS)
  await done
}

test('new pins go first, also when they and old ones wait beyond the window', async () => {
  await using world = await trackerWorld({ windowMax: WINDOW })
  await world.clock.advance(0)
  world.ipfs.faults.isDown = true
  world.pinset.set(pinAt(world, 1000))
  await world.clock.advance(0)
  const old = numbers(40)
  const fresh = numbers(40, 40)
  const timestampMs = world.clock.now() - 2 * DAY_MS
  for (const number of old) world.pinset.set(pinAt(world, number, { timestampMs }))
  for (const number of fresh) world.pinset.set(pinAt(world, number))
  await world.clock.advance(0)
  const begun = noteCalls(world)
  world.ipfs.faults.isDown = false
  world.ipfs.faults.delayMaxMs = SECOND_MS
  await world.clock.advance(HOUR_MS)
  const isFresh = begun.map(name => fresh.some(number => keyOf(number) === name))
  const late = isFresh.slice(0, isFresh.lastIndexOf(true)).filter(each => !each)
  // The one that was there before, and what workers took while the pinset was being read.
  assert.ok(late.length <= 1 + WORKERS, `${late.length} old ones before the last new one`)
  assert.equal(world.ipfs.held.size, 81)
})

test('nothing waits for ever beyond the window while new pins keep coming as fast as they are pinned', async () => {
  const property = fc.asyncProperty(fc.nat(), fc.constantFrom(1, WINDOW), async (seed, windowMax) => {
    await using world = await trackerWorld({ windowMax, seed })
    await world.clock.advance(0)
    world.ipfs.faults.delayMaxMs = 2 * SECOND_MS
    for (const number of numbers(60)) world.pinset.set(pinAt(world, number))
    for (const number of numbers(300, 60)) {
      world.pinset.set(pinAt(world, number))
      await world.clock.advance(SECOND_MS / 3)
    }
    // 100 s for three workers that need one second a pin.
    const left = numbers(60).filter(number => !world.ipfs.held.has(keyOf(number)))
    assert.deepEqual(left, [])
  })
  await fc.assert(property, { numRuns: 20 })
})

test('more pins fail than are remembered: all are in error, all are tried again, and what can be fetched comes', async () => {
  await using world = await trackerWorld({ windowMax: WINDOW, maxAttempts: 3 })
  await world.clock.advance(0)
  const bad = numbers(50)
  for (const number of bad) world.ipfs.faults.unfetchable.add(keyOf(number))
  for (const number of bad) world.pinset.set(pinAt(world, number))
  await world.clock.advance(SECOND_MS)
  const counts = await countsOf(world)
  assert.deepEqual([...counts], [['pin_error', 50]])
  const { reasons } = await world.tracker.summary({ signal })
  assert.deepEqual(reasons, new Map([['TIMEOUT', WINDOW]]))
  const forgotten = (await list(world, 'pin_error')).filter(({ reason }) => reason === undefined)
  assert.equal(forgotten.length, 50 - WINDOW)
  assert.match(forgotten[0]?.error ?? '', /^it failed, as so much else did/)
  const begun = noteCalls(world)
  await world.clock.advance(HOUR_MS)
  for (const number of bad) {
    const tries = begun.filter(name => name === keyOf(number)).length
    assert.ok(tries >= 2 && tries <= 20, `${tries} attempts in an hour`)
  }
  for (const number of numbers(20, 100)) world.pinset.set(pinAt(world, number))
  await world.clock.advance(SECOND_MS)
  assert.equal(world.ipfs.held.size, 20)
  world.ipfs.faults.unfetchable.clear()
  const recovered: PinInfo[] = []
  for await (const info of world.tracker.recoverAll({ signal })) recovered.push(info)
  assert.equal(recovered.length, 50)
  for (const { status } of recovered) assert.ok(status === 'pin_queued' || status === 'pinning', status)
  await world.clock.advance(10 * SECOND_MS)
  assert.equal(world.ipfs.held.size, 70)
})

test('a forgotten failed pin that is removed is unpinned all the same if IPFS has it', async () => {
  await using world = await trackerWorld({ windowMax: 1 })
  await world.clock.advance(0)
  for (const number of numbers(5)) world.ipfs.faults.unfetchable.add(keyOf(number))
  for (const number of numbers(5)) world.pinset.set(pinAt(world, number))
  await world.clock.advance(SECOND_MS)
  assert.equal((await list(world, 'pin_error')).length, 5)
  // What nobody told the tracker: the calls that failed took effect later.
  for (const number of numbers(5)) world.ipfs.held.set(keyOf(number), 'recursive')
  for (const number of numbers(5)) world.pinset.remove(numberedCid(number))
  await world.clock.advance(SECOND_MS)
  assert.deepEqual([...world.ipfs.held.keys()].map(cidFromKey).map(String), [])
})

test('what is removed or goes elsewhere while it waits beyond the window never reaches IPFS', async () => {
  await using world = await trackerWorld({ windowMax: 2 * WINDOW })
  await world.clock.advance(0)
  world.ipfs.faults.isDown = true
  for (const number of numbers(60)) world.pinset.set(pinAt(world, number))
  await world.clock.advance(0)
  for (const number of numbers(20)) {
    world.pinset.remove(numberedCid(number))
    world.pinset.set(pinAt(world, number + 20, elsewhere))
    await world.clock.advance(0)
  }
  const counts = await countsOf(world)
  assert.equal(counts.get('remote'), 20)
  const begun = noteCalls(world)
  world.ipfs.faults.isDown = false
  await world.clock.advance(HOUR_MS)
  const kept = new Set(numbers(20, 40).map(keyOf))
  assert.deepEqual(new Set(world.ipfs.held.keys()), kept)
  assert.ok(begun.every(name => kept.has(name)))
})

test('after a restart the sweep finds what waited beyond the window', async () => {
  await using world = await trackerWorld({ windowMax: WINDOW })
  world.ipfs.faults.delayMaxMs = 10 * SECOND_MS
  for (const number of numbers(60)) world.pinset.set(pinAt(world, number))
  await world.clock.advance(20 * SECOND_MS)
  assert.ok(world.ipfs.held.size < 30)
  await world.crash()
  await world.clock.advance(HOUR_MS / 6)
  assert.equal(world.ipfs.held.size, 60)
})

for (const end of ['restart', 'crash', 'nothing'] as const) {
  test(`of many that are removed at once none stays in IPFS, after ${end} too`, async () => {
    await using world = await trackerWorld({ windowMax: WINDOW })
    for (const number of numbers(100)) world.pinset.set(pinAt(world, number))
    await world.clock.advance(HOUR_MS)
    assert.equal(world.ipfs.held.size, 100)
    world.ipfs.faults.isDown = true
    for (const number of numbers(80)) world.pinset.remove(numberedCid(number))
    for (const number of numbers(10)) world.pinset.set(pinAt(world, number))
    await world.clock.advance(SECOND_MS)
    assert.ok(world.tracker.handOverCount > 0)
    if (end !== 'nothing') await world[end]()
    world.ipfs.faults.isDown = false
    await world.clock.advance(HOUR_MS)
    const kept = new Set(numbers(10).concat(numbers(20, 80)).map(keyOf))
    assert.deepEqual(new Set(world.ipfs.held.keys()), kept)
    assert.equal(world.tracker.handOverCount, 0)
  })
}

test('more unpins fail than are remembered: none is forgotten, and they hold up no others', async () => {
  await using world = await trackerWorld({ windowMax: WINDOW })
  for (const number of numbers(60)) world.pinset.set(pinAt(world, number))
  await world.clock.advance(HOUR_MS)
  const { unpin } = world.ipfs
  const stuck = new Set(numbers(30).map(keyOf))
  world.ipfs.unpin = async (cid, options) => {
    if (stuck.has(cidKey(cid))) throw new ClusterError('IPFS_REFUSED', 'not now')
    await unpin(cid, options)
  }
  for (const number of numbers(60)) world.pinset.remove(numberedCid(number))
  await world.clock.advance(HOUR_MS)
  assert.deepEqual(new Set(world.ipfs.held.keys()), stuck)
  await world.restart()
  world.ipfs.unpin = unpin
  await world.clock.advance(HOUR_MS)
  assert.equal(world.ipfs.held.size, 0)
  assert.equal(world.tracker.handOverCount, 0)
})
