import assert from 'node:assert/strict'
import test from 'node:test'
import { numberedCid } from '../../test/support/numbered-cid.ts'
import { seededRandom } from '../../test/support/seeded-random.ts'
import { systemClock } from '../lib/clock.ts'
import type { Cid } from '../model/cid.ts'
import type { PinMode } from '../model/pin.ts'
import { CidTable } from './cid-table.ts'
import { PinnedView } from './pinned-view.ts'

const signal = AbortSignal.timeout(60_000)
const COUNT = 1000
const ROUNDS = 100

test('a long listing that came at once lets everything else have its turn', async () => {
  const cids = Array.from({ length: COUNT }, (_, at) => numberedCid(at))
  async function* allPinned(): AsyncGenerator<readonly [Cid, PinMode]> {
    for (let round = 0; round < ROUNDS; round++) for (const cid of cids) yield [cid, 'recursive']
  }
  await using view = new PinnedView({
    ipfs: { allPinned },
    clock: systemClock,
    table: new CidTable(seededRandom(1)),
  })
  let longestMs = 0
  let turnsCount = 0
  let atMs = performance.now()
  let isListing = true
  const turn = () => {
    const nowMs = performance.now()
    longestMs = Math.max(longestMs, nowMs - atMs)
    atMs = nowMs
    turnsCount++
    if (isListing) setImmediate(turn)
  }
  setImmediate(turn)
  const beganMs = performance.now()
  await view.refresh(0, { signal })
  isListing = false
  const tookMs = performance.now() - beganMs
  assert.equal(view.pinsCount, COUNT)
  // A share of the whole, since the machine may be slow, or busy with something else.
  const shown = `${turnsCount} turns, the longest of ${longestMs} ms of ${tookMs} ms`
  assert.ok(turnsCount >= 5 && longestMs < tookMs / 2, shown)
})
