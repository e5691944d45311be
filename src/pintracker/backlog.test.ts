import assert from 'node:assert/strict'
import test from 'node:test'
import { numberedCid } from '../../test/support/numbered-cid.ts'
import { seededRandom } from '../../test/support/seeded-random.ts'
import { silentLogger } from '../../test/support/silent-logger.ts'
import { type VirtualClock, virtualClock } from '../../test/support/virtual-clock.ts'
import { Pages } from '../lib/pages.ts'
import { type Pin, toPin } from '../model/pin.ts'
import { Backlog } from './backlog.ts'
import { CidTable, type Wait } from './cid-table.ts'

/** A backlog over a pinset of the given CIDs; `turns` are those that had theirs. */
function openBacklog(numbers: readonly number[], clock: VirtualClock) {
  const turns: Pin[] = []
  const state = { hasRoom: true, readings: 0 }
  const pins = numbers
    .map(number => toPin(numberedCid(number)))
    .sort((a, b) => Buffer.compare(a.cid.bytes, b.cid.bytes))
  async function* read() {
    state.readings += 1
    yield pins
  }
  const backlog: Backlog = new Backlog({
    consensus: { pins: () => new Pages(read()) },
    table: new CidTable(seededRandom(1)),
    work: { hasRoom: () => state.hasRoom, isRunningLow: () => state.hasRoom },
    clock,
    random: seededRandom(2),
    logger: silentLogger(),
    onTurn: pin => {
      turns.push(pin)
      backlog.delete(pin.cid)
    },
  })
  return { backlog, turns, state }
}

for (const wait of ['changed', 'fresh', 'rest', 'again', 'failed'] satisfies Wait[]) {
  test(`what waits as "${wait}" and is not in the pinset is not sought for ever`, async () => {
    const clock = virtualClock()
    const { backlog, turns, state } = openBacklog([1, 2], clock)
    await using _ = backlog
    backlog.put(numberedCid(1), wait)
    backlog.put(numberedCid(3), wait)
    await clock.advance(3_600_000)
    assert.deepEqual(
      turns.map(({ cid }) => cid.toString()),
      [numberedCid(1).toString()],
    )
    assert.equal(backlog.count(wait), 0)
    const { readings } = state
    await clock.advance(3_600_000)
    assert.equal(state.readings, readings)
  })
}

test('what waits for room is not dropped, however often the pinset is read meanwhile', async () => {
  const clock = virtualClock()
  const { backlog, turns, state } = openBacklog([1, 2], clock)
  await using _ = backlog
  state.hasRoom = false
  backlog.put(numberedCid(1), 'rest')
  for (let round = 0; round < 10; round++) {
    backlog.put(numberedCid(2), 'changed')
    await clock.advance(60_000)
  }
  assert.equal(backlog.count('rest'), 1)
  state.hasRoom = true
  backlog.wake()
  await clock.advance(60_000)
  assert.equal(turns.at(-1)?.cid.toString(), numberedCid(1).toString())
})
