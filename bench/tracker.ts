/**
 * How many CIDs a second go through the pin tracker when IPFS and pinset answer at once, and what a CID costs in memory.
 * Usage: node bench/tracker.ts [CIDs, default 100000]
 */
import { createNoopMeter } from '@opentelemetry/api'
import { systemClock } from '../src/lib/clock.ts'
import { systemRandom } from '../src/lib/random.ts'
import { cidKey } from '../src/model/cid.ts'
import { type Pin, toPin } from '../src/model/pin.ts'
import { CidTable } from '../src/pintracker/cid-table.ts'
import { openPinTracker } from '../src/pintracker/tracker.ts'
import { WorkSet } from '../src/pintracker/work-set.ts'
import { openMemoryStore } from '../src/store/memory.ts'
import { eventually } from '../test/support/eventually.ts'
import { numberedCid } from '../test/support/numbered-cid.ts'
import { silentLogger } from '../test/support/silent-logger.ts'
import { smallIpfs } from '../test/support/small-ipfs.ts'
import { smallPinset } from '../test/support/small-pinset.ts'

const count = Number(process.argv[2] ?? 100_000)
const rows: { what: string; CIDs: number; seconds: string; 'per second': number }[] = []
const pinset = smallPinset()
const ipfs = smallIpfs(systemClock, systemRandom)
const { signal } = new AbortController()

async function measure(what: string, act: () => void | Promise<void>, isDone: () => boolean): Promise<void> {
  const beganMs = performance.now()
  await act()
  await eventually(what, isDone, 60_000)
  const seconds = (performance.now() - beganMs) / 1000
  rows.push({ what, CIDs: count, seconds: seconds.toFixed(2), 'per second': Math.round(count / seconds) })
}

const heapBytes = () => {
  globalThis.gc?.()
  return process.memoryUsage().heapUsed
}

const pins: Pin[] = Array.from({ length: count }, (_, number) =>
  toPin(numberedCid(number), { replicationMin: -1, replicationMax: -1, timestampMs: Date.now() }),
)

const tracker = await openPinTracker(
  {
    consensus: pinset,
    ipfs,
    store: openMemoryStore(),
    askHolds: async (_peer, cids) => cids.map(() => true),
    self: 'self',
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger(),
    meter: createNoopMeter(),
  },
  {
    concurrentPins: 10,
    priorityMaxAgeMs: 86_400_000,
    priorityMaxRetries: 5,
    maxAttempts: 0,
    recoverIntervalMs: 3_600_000,
    windowMax: 10_000,
  },
)

await measure(
  'fresh pins, change to pinned',
  () => {
    for (const pin of pins) pinset.set(pin)
  },
  () => ipfs.held.size === count && tracker.queueLength === 0,
)
await measure(
  'statuses, all of them',
  async () => {
    for await (const info of tracker.statuses(undefined, { signal })) {
      if (info.status !== 'pinned') throw new Error(`${info.cid.toString()} is ${info.status}`)
    }
  },
  () => true,
)
ipfs.held.clear()
await measure(
  'IPFS wiped, recoverAll to pinned',
  async () => {
    for await (const info of tracker.recoverAll({ signal }))
      if (info.error !== '') throw new Error(info.error)
  },
  () => ipfs.held.size === count && tracker.queueLength === 0,
)
await measure(
  'removed, change to unpinned',
  () => {
    for (const pin of pins) pinset.remove(pin.cid)
  },
  () => ipfs.held.size === 0,
)

const work = new WorkSet({ priorityMaxAgeMs: 86_400_000, priorityMaxRetries: 5, windowMax: count })
const names = pins.map(pin => cidKey(pin.cid))
const before = heapBytes()
for (const name of names) work.wantPin(name, 'recursive', Date.now(), Date.now())
const queuedBytes = (heapBytes() - before) / work.count('pin_queued')
await tracker[Symbol.asyncDispose]()
console.table(rows)
console.log(
  `A queued CID: ${Math.round(queuedBytes)} bytes of heap besides its name${globalThis.gc === undefined ? ' (without --expose-gc: about)' : ''}`,
)

const known = new CidTable(systemRandom)
const knownCount = 10 * count
const addedMs = performance.now()
for (let number = 0; number < knownCount; number += 1) known.add(numberedCid(number), 'recursive')
const addMs = performance.now() - addedMs
known.beginListing()
for (const pin of pins) known.add(pin.cid, 'recursive')
const endedMs = performance.now()
known.endListing()
console.log(
  `Known pins: ${knownCount} in ${(addMs / 1000).toFixed(1)} s (making the CIDs included); ` +
    `the end of a listing took ${Math.round(performance.now() - endedMs)} ms`,
)
const full = new CidTable(systemRandom)
for (let number = 0; number < knownCount; number += 1) full.add(numberedCid(number), 'recursive')
console.log(`A known pin: ${(full.sizeBytes / full.heldCount).toFixed(1)} bytes`)
