import assert from 'node:assert/strict'
import test from 'node:test'
import { numberedCid } from '../../test/support/numbered-cid.ts'
import { type TrackerWorld, trackerWorld } from '../../test/support/tracker-world.ts'
import { cidKey } from '../model/cid.ts'
import { type Pin, toPin } from '../model/pin.ts'
import type { PinRange } from '../model/pin-range.ts'

const HOUR_MS = 3_600_000
const WRITTEN_MS = 1_700_000_000_000
const { signal } = new AbortController()
const elsewhere = { replicationMin: 1, replicationMax: 1, allocations: ['other'] }

function pinAt(number: number, options: Partial<Pin> = {}): Pin {
  const everywhere = { replicationMin: -1, replicationMax: -1, timestampMs: WRITTEN_MS }
  return toPin(numberedCid(number), { ...everywhere, ...options })
}

async function drain<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const item of items) all.push(item)
  return all
}

/** Three pins that cannot be fetched, two that can, one of somebody else. */
async function mixedWorld(maxAttempts = 0): Promise<TrackerWorld> {
  const world = await trackerWorld({ maxAttempts })
  for (const number of [1, 2, 3]) world.ipfs.faults.unfetchable.add(cidKey(numberedCid(number)))
  for (const number of [1, 2, 3, 4, 5]) world.pinset.set(pinAt(number))
  world.pinset.set(pinAt(6, elsewhere))
  await world.clock.advance(0)
  return world
}

test('the counts of a summary are those of the listing, with the reasons of what failed', async () => {
  await using world = await mixedWorld()
  const summary = await world.tracker.summary({ signal })
  assert.equal(summary.pinsCount, 6)
  assert.deepEqual(
    summary.statuses,
    new Map([
      ['pinned', 2],
      ['remote', 1],
      ['pin_error', 3],
    ]),
  )
  assert.deepEqual(summary.reasons, new Map([['TIMEOUT', 3]]))
  world.ipfs.faults.unfetchable.clear()
  await world.clock.advance(HOUR_MS)
  const after = await world.tracker.summary({ signal })
  assert.deepEqual([after.statuses.get('pinned'), after.statuses.get('pin_error')], [5, undefined])
  assert.equal(after.reasons.size, 0)
})

test('what fails as often as it may is not tried again before it is recovered or written anew', async () => {
  await using world = await mixedWorld(3)
  await world.clock.advance(HOUR_MS)
  const calls = world.ipfs.calls.pin
  await world.clock.advance(24 * HOUR_MS)
  assert.equal(world.ipfs.calls.pin, calls)
  const info = await world.tracker.status(numberedCid(1), { signal })
  assert.deepEqual(
    [info.status, info.reason, info.isGivenUp, info.attemptCount],
    ['pin_error', 'TIMEOUT', true, 3],
  )
  assert.equal((await world.tracker.summary({ signal })).givenUpCount, 3)
  const why = await world.tracker.why(numberedCid(1), { signal })
  assert.deepEqual([why.wants, why.has, why.info.isGivenUp], ['recursive', 'nothing', true])
  await world.tracker.recover(numberedCid(1), { signal })
  world.pinset.set(pinAt(2, { name: 'anew' }))
  await world.clock.advance(HOUR_MS)
  assert.equal(world.ipfs.calls.pin, calls + 6)
  assert.equal((await world.tracker.summary({ signal })).givenUpCount, 3)
})

test('while a failed pin is tried again, why still tells how and when it failed last, until it is there', async () => {
  await using world = await mixedWorld()
  const [cid, name] = [numberedCid(1), cidKey(numberedCid(1))]
  const failedMs = world.clock.now()
  const failure = { error: 'no block for 2m0s', reason: 'TIMEOUT', atMs: failedMs }
  const why = () => world.tracker.why(cid, { signal })
  assert.deepEqual((await why()).lastFailure, failure)
  assert.equal((await world.tracker.why(numberedCid(4), { signal })).lastFailure, undefined)
  world.ipfs.faults.delayMaxMs = 60_000
  await world.clock.advance(1000)
  await world.tracker.recover(cid, { signal })
  await world.clock.advance(1)
  assert.ok(world.ipfs.pinning.has(name))
  world.ipfs.faults.delayMaxMs = 0
  const { info, lastFailure } = await why()
  assert.deepEqual([info.status, info.error, info.reason, lastFailure], ['pinning', '', undefined, failure])
  world.ipfs.faults.unfetchable.clear()
  await world.clock.advance(HOUR_MS)
  assert.deepEqual([(await why()).info.status, (await why()).lastFailure], ['pinned', undefined])
})

test('the state of a pin under way tells how many blocks are there', async () => {
  await using world = await trackerWorld()
  world.ipfs.faults.delayMaxMs = 60_000
  world.pinset.set(pinAt(1))
  await world.clock.advance(1)
  world.ipfs.progress(numberedCid(1), 1204)
  const info = await world.tracker.status(numberedCid(1), { signal })
  assert.deepEqual([info.status, info.blocksCount], ['pinning', 1204])
  world.ipfs.faults.delayMaxMs = 0
  await world.clock.advance(HOUR_MS)
  const after = await world.tracker.status(numberedCid(1), { signal })
  assert.deepEqual([after.status, after.blocksCount], ['pinned', undefined])
})

test('an IPFS node that does not answer makes nothing given up', async () => {
  await using world = await trackerWorld({ maxAttempts: 1 })
  world.ipfs.faults.isDown = true
  world.pinset.set(pinAt(1))
  await world.clock.advance(HOUR_MS)
  const summary = await world.tracker.summary({ signal })
  assert.equal(summary.givenUpCount, 0)
  assert.equal(summary.ipfsFailure, 'connection refused')
  const why = await world.tracker.why(numberedCid(1), { signal })
  assert.deepEqual([why.has, why.info.reason], ['unknown', 'IPFS_UNAVAILABLE'])
  world.ipfs.faults.isDown = false
  await world.clock.advance(HOUR_MS)
  assert.equal(world.ipfs.held.size, 1)
})

test('only what the filter names is tried again', async () => {
  await using world = await mixedWorld()
  const recover = async (filter: object) =>
    (await drain(world.tracker.recoverAll({ filter, signal }))).map(({ status }) => status)
  assert.deepEqual(await recover({ reasons: new Set(['IPFS_REFUSED']) }), [])
  assert.deepEqual(await recover({ statuses: new Set(['unpin_error']) }), [])
  assert.equal((await recover({ reasons: new Set(['TIMEOUT']), limit: 2 })).length, 2)
})

test('a listing shows the range that was asked for, also of what is under way', async () => {
  await using world = await mixedWorld()
  world.pinset.set(
    pinAt(7, { name: 'site one', metadata: { team: 'web' }, timestampMs: WRITTEN_MS + HOUR_MS }),
  )
  await world.clock.advance(0)
  const all = await drain(world.tracker.statuses(undefined, { signal }))
  const list = async (range: PinRange, ...filter: 'pin_error'[]) => {
    const states = filter.length === 0 ? undefined : new Set(filter)
    return (await drain(world.tracker.statuses(states, { range, signal }))).map(({ cid }) => cid.toString())
  }
  const cids = all.map(({ cid }) => cid.toString())
  const [, second, third, fourth] = cids
  const cid = all[1]?.cid
  assert.ok(cid !== undefined)
  assert.deepEqual(await list({ limit: 2, after: cid }), [third, fourth])
  assert.deepEqual((await list({ from: cid, limit: 1 }))[0], second)
  const seventh = [numberedCid(7).toString()]
  assert.deepEqual(await list({ namePrefix: 'site' }), seventh)
  assert.deepEqual(await list({ metadata: { team: 'web' } }), seventh)
  assert.deepEqual(await list({ writtenSinceMs: WRITTEN_MS + 1 }), seventh)
  assert.equal((await list({ writtenBeforeMs: WRITTEN_MS + 1 })).length, 6)
  const failed = await list({}, 'pin_error')
  assert.equal(failed.length, 3)
  assert.deepEqual(await list({ limit: 2 }, 'pin_error'), failed.slice(0, 2))
  assert.deepEqual(await list({ namePrefix: 'site' }, 'pin_error'), [])
})

test('listeners are told of each state as it comes, and the last one told is the state', async () => {
  await using world = await trackerWorld()
  const told: string[] = []
  using _listening = world.tracker.onStatus(({ status, reason }) =>
    told.push(reason === undefined ? status : `${status} ${reason}`),
  )
  world.pinset.set(pinAt(1))
  await world.clock.advance(0)
  world.pinset.remove(numberedCid(1))
  await world.clock.advance(0)
  world.ipfs.faults.unfetchable.add(cidKey(numberedCid(2)))
  world.pinset.set(pinAt(2))
  await world.clock.advance(0)
  const states =
    'pin_queued,pinning,pinned,unpin_queued,unpinning,unpinned,pin_queued,pinning,pin_error TIMEOUT'
  assert.equal(told.join(','), states)
  world.pinset.set(pinAt(2, elsewhere))
  await world.clock.advance(0)
  assert.equal(told.at(-1), (await world.tracker.status(numberedCid(2), { signal })).status)
})
