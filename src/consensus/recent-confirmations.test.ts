import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { openReplica, PARTITIONS, pull, settled } from '../../test/fuzz/world.ts'
import { numberedCid } from '../../test/support/numbered-cid.ts'
import { seededRandom } from '../../test/support/seeded-random.ts'
import type { ByteStore } from '../interfaces.ts'
import { systemClock } from '../lib/clock.ts'
import { toPin } from '../model/pin.ts'
import { openMemoryStore } from '../store/memory.ts'
import type { PartitionChange } from './part.ts'
import type { Replica } from './replica.ts'
import { decodeChange } from './update.ts'

const { signal } = new AbortController()
const PIN = toPin(numberedCid(1), { name: 'wanted' })

/** Some peers with the one pin; a millisecond passes between any two steps. */
class World implements AsyncDisposable {
  readonly #random = seededRandom(1)
  readonly #replicas: Replica[] = []
  readonly #stores: ByteStore[] = []
  readonly #written: PartitionChange[][] = []
  #nowMs = 1_700_000_000_000

  static async open(count: number): Promise<World> {
    const world = new World()
    for (let at = 0; at < count; at++) {
      world.#stores.push(openMemoryStore())
      await world.#start(at)
    }
    await world.put(0)
    for (let at = 1; at < count; at++) await world.compare(at, 0)
    return world
  }

  async #start(at: number): Promise<void> {
    const clock = { ...systemClock, now: () => ++this.#nowMs }
    const replica = await openReplica(`peer ${at}`, this.#random, this.#stores[at], clock)
    const written: PartitionChange[] = []
    replica.onWritten(changes => written.push(...changes))
    this.#replicas[at] = replica
    this.#written[at] = written
  }

  at(peer: number): Replica {
    const replica = this.#replicas[peer]
    assert.ok(replica)
    return replica
  }

  pass(ms: number): void {
    this.#nowMs += ms
  }

  async put(peer: number): Promise<void> {
    await this.at(peer).write([PIN], [], signal)
  }

  async remove(peer: number): Promise<void> {
    await this.at(peer).write([], [PIN.cid], signal)
  }

  async shows(peer: number): Promise<boolean> {
    return (await this.at(peer).get(PIN.cid)) !== undefined
  }

  /** One peer fetches what it lacks of what another has. */
  async compare(to: number, from: number): Promise<void> {
    await pull(this.at(to), this.at(from))
  }

  /** What a peer has written since it told the last time reaches another. */
  async tell(to: number, from: number): Promise<void> {
    const changes = (this.#written[from] ?? []).splice(0).map(({ update, ...change }) => ({
      ...change,
      change: decodeChange(update),
    }))
    this.at(to).receive('writer', changes, 0)
    await settled(this.at(to))
  }

  async restart(peer: number): Promise<void> {
    await this.at(peer)[Symbol.asyncDispose]()
    await this.#start(peer)
  }

  async everybodyCompares(): Promise<void> {
    for (let round = 0; round < 2; round++)
      for (const to of this.#replicas.keys())
        for (const from of this.#replicas.keys()) if (to !== from) await this.compare(to, from)
    const roots = this.#replicas.map(({ committed }) => Buffer.from(committed.digests.root).toString('hex'))
    assert.equal(new Set(roots).size, 1, 'all peers are equal')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const replica of this.#replicas) await replica[Symbol.asyncDispose]()
  }
}

test('a pin that was asked for again stays, though the comparison brings a removal from before that', async () => {
  await using world = await World.open(2)
  await world.remove(0)
  await world.put(1)
  await world.compare(1, 0)
  assert.ok(await world.shows(1))
  await world.everybodyCompares()
  assert.ok(await world.shows(0))
})

test('a pin that was asked for again goes when the comparison brings a removal from after that', async () => {
  await using world = await World.open(2)
  await world.put(1)
  await world.remove(0)
  await world.compare(1, 0)
  assert.ok(!(await world.shows(1)))
})

test('when a pin was removed is passed on by those who took it, however they took it', async () => {
  for (const isTold of [true, false]) {
    await using world = await World.open(3)
    await world.put(2)
    await world.remove(0)
    await (isTold ? world.tell(1, 0) : world.compare(1, 0))
    await world.restart(0)
    await world.compare(2, 1)
    assert.ok(!(await world.shows(2)))
  }
})

test('a pin that was asked for again stays when nobody knows any more whether the removal came after that', async () => {
  await using world = await World.open(2)
  await world.put(1)
  await world.remove(0)
  await world.restart(0)
  await world.compare(1, 0)
  assert.ok(await world.shows(1))
})

test('a pin that was asked for again long ago goes, though nobody knows any more when it was removed', async () => {
  await using world = await World.open(2)
  await world.put(1)
  await world.remove(0)
  await world.restart(0)
  world.pass(10 * 60_000)
  await world.compare(1, 0)
  assert.ok(!(await world.shows(1)))
})

test('a peer does not keep a promise that was overtaken: what was put again and seen by the removal goes with it', async () => {
  await using world = await World.open(2)
  await world.remove(0)
  await world.put(1)
  await world.compare(1, 0)
  await world.compare(0, 1)
  await world.remove(0)
  await world.restart(0)
  await world.compare(1, 0)
  assert.ok(!(await world.shows(1)))
})

test('the last word counts: of pinning it is kept whatever happens, of removing where it had seen the pin', async () => {
  const step = fc.constantFrom('put', 'remove', 'tell', 'compare', 'restart')
  const steps = fc.array(fc.tuple(step, fc.nat(2), fc.nat(2)), { maxLength: 12 })
  await fc.assert(
    fc.asyncProperty(steps, fc.nat(2), async (before, last) => {
      const runAll = async (world: World) => {
        for (const [name, peer, other] of before) {
          if (name === 'put' || name === 'remove' || name === 'restart') await world[name](peer)
          else if (peer !== other) await world[name](peer, other)
        }
      }
      {
        await using world = await World.open(3)
        await runAll(world)
        await world.put(last)
        await world.everybodyCompares()
        for (let peer = 0; peer < 3; peer++) assert.ok(await world.shows(peer))
      }
      await using world = await World.open(3)
      await runAll(world)
      await world.everybodyCompares()
      await world.remove(last)
      await world.everybodyCompares()
      for (let peer = 0; peer < 3; peer++) assert.ok(!(await world.shows(peer)))
    }),
    { numRuns: 60 },
  )
})

test('of a removal only so much is told as belongs to the partition', async () => {
  await using world = await World.open(1)
  await world.remove(0)
  const told: number[] = []
  for (let partition = 0; partition < PARTITIONS; partition++)
    told.push((await world.at(0).exportPartition(partition, new Map())).removedAt.size)
  assert.equal(told[world.at(0).partitionOf(PIN.cid.bytes)], 1)
  assert.equal(
    told.reduce((sum, size) => sum + size),
    1,
  )
})
