import assert from 'node:assert/strict'
import test from 'node:test'
import { checkSound, contentsOf, openReplica, PARTITIONS, pull, settled } from '../../test/fuzz/world.ts'
import { numberedCid } from '../../test/support/numbered-cid.ts'
import { seededRandom } from '../../test/support/seeded-random.ts'
import { systemClock } from '../lib/clock.ts'
import { toPin } from '../model/pin.ts'
import { openMemoryStore } from '../store/memory.ts'
import { cidOfViewKey, VIEW_RANGE } from './keys.ts'
import type { PartitionChange } from './part.ts'
import type { Replica } from './replica.ts'
import { decodeChange } from './update.ts'

const { signal } = new AbortController()
const THEIRS = Array.from({ length: 120 }, (_, at) => toPin(numberedCid(at), { name: `theirs ${at}` }))
const OWN = Array.from({ length: 40 }, (_, at) => toPin(numberedCid(1000 + at), { name: `own ${at}` }))

/** A clock by which every piece of work takes as long as a turn may: the event loop turns after each. */
function slowClock() {
  let elapsedMs = 0
  return { ...systemClock, monotonic: () => (elapsedMs += 1000) }
}

async function turn(): Promise<void> {
  await new Promise<void>(resolve => setImmediate(resolve))
}

function tell(to: Replica, changes: readonly PartitionChange[]): void {
  const received = changes.map(({ update, ...change }) => ({ ...change, change: decodeChange(update) }))
  to.receive('writer', received, 0)
}

test('however often a merge lets others have a turn, nothing comes between, and it shows as a whole or not at all', async () => {
  const random = seededRandom(3)
  await using source = await openReplica('source', random)
  await source.write(THEIRS, [], signal)
  await using other = await openReplica('other', random)
  const told: PartitionChange[] = []
  other.onWritten(changes => told.push(...changes))
  await other.write(
    Array.from({ length: 20 }, (_, at) => toPin(numberedCid(2000 + at))),
    [],
    signal,
  )
  const store = openMemoryStore()
  await using replica = await openReplica('victim', random, store, slowClock())
  // What belongs to a partition before the merge is replaced and removed while it goes on.
  await replica.write(OWN.slice(0, 20), [], signal)

  const over = new AbortController()
  let looks = 0
  let turnsBetween = 0
  const wanted = new Map<number, number>()
  for (const { cid } of THEIRS) {
    const partition = replica.partitionOf(cid.bytes)
    wanted.set(partition, (wanted.get(partition) ?? 0) + 1)
  }
  const theirs = new Set(THEIRS.map(({ cid }) => Buffer.from(cid.bytes).toString('hex')))
  const watch = async () => {
    while (!over.signal.aborted) {
      turnsBetween++
      const counts = new Map<number, number>()
      for await (const key of store.keys(VIEW_RANGE)) {
        const cid = cidOfViewKey(key)
        const partition = replica.partitionOf(cid)
        if (theirs.has(Buffer.from(cid).toString('hex')))
          counts.set(partition, (counts.get(partition) ?? 0) + 1)
      }
      for (const [partition, count] of counts) {
        assert.equal(count, wanted.get(partition), `partition ${partition} shows half of what was merged`)
        looks++
      }
      await turn()
    }
  }
  const merge = async (partition: number) => {
    const state = await source.exportPartition(partition, new Map())
    assert.equal(await replica.merge(partition, { ...state, retired: new Set() }), 'news')
  }
  const writeOwn = async () => {
    for (let at = 0; at < 20; at++) {
      const late = OWN[20 + at]
      assert.ok(late)
      await replica.write([late, toPin(numberedCid(1000 + at), { name: 'changed' })], [], signal)
      if (at % 2 === 0) await replica.write([], [numberedCid(1000 + at)], signal)
      await turn()
    }
  }
  const receive = async () => {
    for (const change of told) {
      tell(replica, [change])
      await turn()
    }
  }
  const partitions = Array.from({ length: PARTITIONS }, (_, partition) => partition)
  const watching = watch()
  try {
    await Promise.all([...partitions.map(merge), writeOwn(), receive()])
    await settled(replica)
  } finally {
    over.abort()
    await watching
  }
  assert.ok(looks > 0 && turnsBetween > 100, 'others had their turns')

  for (const pin of THEIRS) assert.equal((await replica.get(pin.cid))?.name, pin.name)
  for (let at = 0; at < 20; at++) assert.ok(await replica.get(numberedCid(2000 + at)))
  for (let at = 0; at < 40; at++) {
    const name = (await replica.get(numberedCid(1000 + at)))?.name
    assert.equal(name, at >= 20 ? `own ${at}` : at % 2 === 0 ? undefined : 'changed')
  }
  await pull(source, replica)
  await pull(other, source)
  await pull(replica, other)
  assert.equal(await contentsOf(replica), await contentsOf(source))
  assert.equal(await contentsOf(replica), await contentsOf(other))
  await checkSound(replica, store, random)
})
