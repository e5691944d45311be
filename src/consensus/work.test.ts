import assert from 'node:assert/strict'
import test from 'node:test'
import { contentsOf, openReplica, settled } from '../../test/fuzz/world.ts'
import { numberedCid } from '../../test/support/numbered-cid.ts'
import { seededRandom } from '../../test/support/seeded-random.ts'
import { toPin } from '../model/pin.ts'
import { encodeItem, encodeRecord } from './record.ts'
import { encodeChange } from './update.ts'

test('a state that is refused half-way leaves the view as it was', async () => {
  await using replica = await openReplica('victim', seededRandom(1))
  const cid = numberedCid(1)
  const partition = replica.partitionOf(cid.bytes)
  const item = (ms: number, tail: readonly number[]) =>
    encodeItem(
      cid.bytes,
      Uint8Array.of(...encodeRecord({ time: { ms, count: 0 }, pin: toPin(cid) }), ...tail),
    )
  // The winner is sound; the loser has bytes behind its end, and wins when the winner turns out to be deleted.
  const values = [item(Date.now(), []), item(Date.now() - 1000, [9, 9])]
  const update = encodeChange({ client: 77, fromClock: 0, values, deletes: [] })
  const before = await contentsOf(replica)
  const state = { update, retired: new Set([77]), retiredLive: new Map([[77, [[1, 1] as const]]]) }
  await assert.rejects(replica.merge(partition, state), { code: 'INVALID_ARGUMENT' })
  await settled(replica)
  assert.equal(await contentsOf(replica), before)
})

test('an item with a damaged record is refused also when it does not win', async () => {
  await using replica = await openReplica('victim', seededRandom(1))
  const cid = numberedCid(1)
  const partition = replica.partitionOf(cid.bytes)
  const item = (ms: number, tail: readonly number[]) =>
    encodeItem(
      cid.bytes,
      Uint8Array.of(...encodeRecord({ time: { ms, count: 0 }, pin: toPin(cid) }), ...tail),
    )
  const values = [item(Date.now(), []), item(Date.now() - 1000, [9, 9])]
  const update = encodeChange({ client: 77, fromClock: 0, values, deletes: [] })
  const state = { update, retired: new Set<number>(), retiredLive: new Map() }
  await assert.rejects(replica.merge(partition, state), { code: 'INVALID_ARGUMENT' })
})
