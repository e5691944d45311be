import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { fakeConsensus } from '../../../test/support/fake-consensus.ts'
import { numberedCid } from '../../../test/support/numbered-cid.ts'
import { silentLogger } from '../../../test/support/silent-logger.ts'
import { virtualClock } from '../../../test/support/virtual-clock.ts'
import { createIdentity } from '../../model/identity.ts'
import {
  isMarkName,
  MAINTENANCE_SKEW_MS,
  markCid,
  markIn,
  type PeerMark,
  peerOfMark,
  toMarkEntry,
  unmarked,
} from '../../model/peer-mark.ts'
import { toPin } from '../../model/pin.ts'
import { openPeerMarks } from './peer-marks.ts'

const { signal } = new AbortController()
const [PEER, OTHER] = [createIdentity().id, createIdentity().id].sort() as [string, string]
const RSA_PEER = 'QmXZrtE5jQwXNqCJMfHUTQkvhQ4ZAnqMnmzFMJfLewuabc'
const anyMark: fc.Arbitrary<PeerMark> = fc.record(
  {
    peer: fc.constantFrom(PEER, OTHER, RSA_PEER),
    isCordoned: fc.boolean(),
    isDraining: fc.boolean(),
    isRemoved: fc.boolean(),
    maintenanceUntilMs: fc.option(fc.integer({ min: 1, max: 4_000_000_000_000 }), { nil: undefined }),
  },
  { noNullPrototype: true },
)

test('a mark reads back from its entry as it was written, under the name of its peer', () => {
  fc.assert(
    fc.property(anyMark, mark => {
      const entry = toMarkEntry(mark, 1000)
      assert.deepEqual(markIn(entry), mark)
      assert.equal(peerOfMark(entry.cid), mark.peer)
      assert.ok(isMarkName(entry.cid.bytes))
    }),
  )
})

test('content names no peer, and an entry of another type is no mark', () => {
  fc.assert(fc.property(fc.nat(), number => assert.ok(!isMarkName(numberedCid(number).bytes))))
  assert.equal(markIn(toPin(markCid(PEER))), undefined)
  assert.equal(markIn({ ...toMarkEntry(unmarked(PEER), 0), cid: numberedCid(1) }), undefined)
})

test('what is said on one peer is known on the other, and after a restart', async () => {
  const consensus = fakeConsensus()
  const parts = { consensus, clock: virtualClock(), logger: silentLogger() }
  await using here = await openPeerMarks(parts)
  await using there = await openPeerMarks(parts)
  const told: PeerMark[] = []
  there.onChange(mark => told.push(mark))
  const cordoned = { ...unmarked(PEER), isCordoned: true }
  await here.set(cordoned, { signal })
  await parts.clock.advance(0)
  assert.deepEqual(there.of(PEER), cordoned)
  assert.deepEqual(told, [cordoned])
  await using later = await openPeerMarks(parts)
  assert.deepEqual(later.all(), [cordoned])
  assert.deepEqual(later.of(OTHER), unmarked(OTHER))
  await there.set(unmarked(PEER), { signal })
  await parts.clock.advance(0)
  assert.deepEqual(here.of(PEER), unmarked(PEER))
  assert.deepEqual(here.all(), [])
  assert.equal(consensus.pinsCount, 0)
})

test('a maintenance ends by itself, a margin for skewed clocks after its time, and is told of', async () => {
  const clock = virtualClock()
  await using marks = await openPeerMarks({ consensus: fakeConsensus(), clock, logger: silentLogger() })
  const mark = { ...unmarked(PEER), maintenanceUntilMs: clock.now() + 3_600_000, isCordoned: true }
  await marks.set(mark, { signal })
  const told: PeerMark[] = []
  marks.onChange(change => told.push(change))
  await clock.advance(3_600_000 + MAINTENANCE_SKEW_MS - 1)
  assert.deepEqual(marks.of(PEER), mark)
  assert.deepEqual(told, [])
  await clock.advance(1)
  const over = { ...mark, maintenanceUntilMs: undefined }
  assert.deepEqual(marks.of(PEER), over)
  assert.deepEqual(told, [over])
})

test('a maintenance that ran out while nobody ran is nothing', async () => {
  const clock = virtualClock()
  const consensus = fakeConsensus()
  const past = { ...unmarked(PEER), maintenanceUntilMs: clock.now() - MAINTENANCE_SKEW_MS }
  await consensus.put([toMarkEntry(past, clock.now())], { signal })
  await using marks = await openPeerMarks({ consensus, clock, logger: silentLogger() })
  assert.deepEqual(marks.of(PEER), unmarked(PEER))
  assert.deepEqual(marks.all(), [])
})

test('damaged entries are no marks', async () => {
  const entry = toMarkEntry(unmarked(PEER), 0)
  for (const text of ['', 'NaN', '-5', '1e400', '12.5', 'soon'])
    assert.equal(
      markIn({ ...entry, metadata: { 'pinfold.peer.maintenance-until-ms': text } })?.maintenanceUntilMs,
      undefined,
    )
})
