import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import test from 'node:test'
import { createNoopMeter } from '@opentelemetry/api'
import { CID } from 'multiformats/cid'
import * as raw from 'multiformats/codecs/raw'
import { create as createDigest } from 'multiformats/hashes/digest'
import { silentLogger } from '../../test/support/silent-logger.ts'
import { ClusterError } from '../errors.ts'
import type { ByteStore, StoreWrite } from '../interfaces.ts'
import { systemClock } from '../lib/clock.ts'
import { makeInstruments } from '../lib/instruments.ts'
import { systemRandom } from '../lib/random.ts'
import type { Cid } from '../model/cid.ts'
import { createIdentity } from '../model/identity.ts'
import { type Pin, toPin } from '../model/pin.ts'
import { openMemoryStore } from '../store/memory.ts'
import { toConsensusConfig } from './config.ts'
import { METRICS } from './metrics.ts'
import type { PartitionChange } from './part.ts'
import { Replica } from './replica.ts'
import { decodeChange } from './update.ts'

const CONFIG = toConsensusConfig({
  cluster_name: 'test',
  trusted_peers: ['*'],
  batching: { max_batch_size: 0, max_batch_age: '0s', max_queue_size: 1000 },
  repair_interval: '1h',
  partitions: 8,
  memory_budget: 1024 * 1024,
  forget_peers_after: '720h',
  clock_drift_max: '5m',
})
const { signal } = new AbortController()

function cidOf(text: string): Cid {
  return CID.createV1(raw.code, createDigest(0x12, createHash('sha256').update(text).digest()))
}

async function openReplica(store: ByteStore = openMemoryStore()): Promise<Replica> {
  const metrics = makeInstruments(createNoopMeter(), METRICS)
  const components = {
    self: createIdentity().id,
    store,
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger(),
    metrics,
  }
  return Replica.open(components, CONFIG)
}

/** Everything that a replica writes, in order. */
function record(replica: Replica): PartitionChange[] {
  const written: PartitionChange[] = []
  replica.onWritten(changes => written.push(...changes))
  return written
}

function deliver(to: Replica, changes: readonly PartitionChange[]): void {
  to.receive(
    'writer',
    changes.map(({ partition, time, update, deletedCids }) => ({
      partition,
      time,
      change: decodeChange(update),
      deletedCids,
    })),
    0,
  )
}

async function settled(replica: Replica): Promise<void> {
  for (let partition = 0; partition < 8; partition++) await replica.exportPartition(partition, new Map())
}

function rootOf(replica: Replica): string {
  return Buffer.from(replica.committed.digests.root).toString('hex')
}

async function contents(replica: Replica): Promise<string[]> {
  const all: string[] = []
  for await (const pin of replica.pins({})) all.push(`${pin.cid}=${pin.name}`)
  assert.equal(all.length, replica.pinsCount)
  return all
}

/** Brings `to` up to everything that `from` knows. */
async function pull(to: Replica, from: Replica): Promise<void> {
  for (let partition = 0; partition < 8; partition++) {
    const state = await from.exportPartition(partition, to.committed.headOf(partition).clocks)
    assert.notEqual(await to.merge(partition, { ...state, retired: from.committed.retired }), 'missing')
  }
}

test('what was written is read back, in CID order, also after reopening', async () => {
  const store = openMemoryStore()
  const names = Array.from({ length: 50 }, (_, index) => `pin ${index}`)
  {
    await using replica = await openReplica(store)
    await replica.write(
      names.map(name => toPin(cidOf(name), { name })),
      [],
      signal,
    )
    assert.equal((await replica.get(cidOf('pin 7')))?.name, 'pin 7')
  }
  await using again = await openReplica(store)
  const found: Buffer[] = []
  for await (const pin of again.pins({})) found.push(Buffer.from(pin.cid.bytes))
  assert.deepEqual(
    found,
    [...found].sort((a, b) => Buffer.compare(a, b)),
  )
  assert.equal(found.length, 50)
  assert.equal(again.pinsCount, 50)
})

test('two replicas that exchange their changes are equal, with adding, replacing and removing', async () => {
  await using a = await openReplica()
  await using b = await openReplica()
  const written = record(a)
  await a.write(
    ['x', 'y', 'z'].map(name => toPin(cidOf(name), { name })),
    [],
    signal,
  )
  await a.write([toPin(cidOf('x'), { name: 'x2' })], [cidOf('y')], signal)
  deliver(b, written)
  await settled(b)
  assert.deepEqual(await contents(b), await contents(a))
  assert.equal(rootOf(b), rootOf(a))
  assert.equal((await b.get(cidOf('x')))?.name, 'x2')
  assert.equal(await b.get(cidOf('y')), undefined)
})

test('a change whose predecessor was lost changes nothing, and is asked for', async () => {
  await using a = await openReplica()
  await using b = await openReplica()
  const written = record(a)
  const gaps: number[] = []
  b.onGap(({ partition }) => gaps.push(partition))
  await a.write([toPin(cidOf('k'), { name: 'first' })], [], signal)
  deliver(b, written)
  await settled(b)
  await a.write([toPin(cidOf('k'), { name: 'lost' })], [], signal)
  await a.write([toPin(cidOf('k'), { name: 'last' })], [], signal)
  deliver(b, written.slice(2))
  await settled(b)
  assert.equal((await b.get(cidOf('k')))?.name, 'first')
  assert.equal(gaps.length, 1)
  await pull(b, a)
  assert.equal((await b.get(cidOf('k')))?.name, 'last')
  assert.equal(rootOf(b), rootOf(a))
})

test('a removal takes away only what its author had seen, and a pin can come back after it', async () => {
  await using a = await openReplica()
  await using b = await openReplica()
  await a.write([toPin(cidOf('k'), { name: 'a' })], [], signal)
  await pull(b, a)
  await a.write([], [cidOf('k')], signal)
  await b.write([toPin(cidOf('k'), { name: 'b' })], [], signal)
  await pull(a, b)
  await pull(b, a)
  assert.equal((await a.get(cidOf('k')))?.name, 'b')
  assert.equal(rootOf(b), rootOf(a))
  await a.write([], [cidOf('k')], signal)
  await a.write([toPin(cidOf('k'), { name: 'again' })], [], signal)
  await pull(b, a)
  assert.equal((await b.get(cidOf('k')))?.name, 'again')
  assert.deepEqual(await contents(b), await contents(a))
})

test('of two concurrent writes the later one wins on both sides, and removing removes both', async () => {
  await using a = await openReplica()
  await using b = await openReplica()
  await b.write([toPin(cidOf('k'), { name: 'early' })], [], signal)
  await new Promise(resolve => setTimeout(resolve, 5))
  await a.write([toPin(cidOf('k'), { name: 'late' })], [], signal)
  await pull(a, b)
  await pull(b, a)
  for (const replica of [a, b]) assert.equal((await replica.get(cidOf('k')))?.name, 'late')
  await b.write([], [cidOf('k')], signal)
  await pull(a, b)
  for (const replica of [a, b]) assert.deepEqual(await contents(replica), [])
  assert.equal(rootOf(b), rootOf(a))
})

test('a lost removal shows in the digest', async () => {
  await using a = await openReplica()
  await using b = await openReplica()
  await a.write([toPin(cidOf('k'))], [], signal)
  await pull(b, a)
  assert.equal(rootOf(b), rootOf(a))
  await a.write([], [cidOf('k')], signal)
  assert.notEqual(rootOf(b), rootOf(a))
})

test('pinning again the same way writes nothing', async () => {
  await using replica = await openReplica()
  const written = record(replica)
  await replica.write([toPin(cidOf('k'), { name: 'n', timestampMs: 1000 })], [], signal)
  await replica.write([toPin(cidOf('k'), { name: 'n', timestampMs: 9000 })], [], signal)
  assert.equal(written.length, 1)
})

/** What is done from here on is later than all before, also by the clocks of two replicas. */
async function nextMillisecond(): Promise<void> {
  const nowMs = systemClock.now()
  while (Math.floor(systemClock.now()) <= Math.ceil(nowMs))
    await new Promise<void>(resolve => setImmediate(resolve))
}

test('a pin that is asked for again stays, though a removal from before that arrives only then', async () => {
  for (const isTwice of [false, true]) {
    await using a = await openReplica()
    await using b = await openReplica()
    const written = [record(a), record(b)] as const
    const pin = toPin(cidOf('k'), { name: 'wanted' })
    await a.write([pin], [], signal)
    if (isTwice) await b.write([pin], [], signal)
    deliver(b, written[0])
    deliver(a, written[1])
    await Promise.all([settled(a), settled(b)])
    const before = written.map(changes => changes.length)
    await nextMillisecond()
    await a.write([], [pin.cid], signal)
    await nextMillisecond()
    await b.write([pin], [], signal)
    assert.equal(written[1].length, before[1], 'nothing is written')
    deliver(b, written[0].slice(before[0]))
    await settled(b)
    assert.equal((await b.get(pin.cid))?.name, 'wanted')
    deliver(a, written[1].slice(before[1]))
    await settled(a)
    assert.equal((await a.get(pin.cid))?.name, 'wanted')
    assert.equal(rootOf(a), rootOf(b))
    await nextMillisecond()
    await a.write([], [pin.cid], signal)
    deliver(b, written[0].slice(before[0]))
    await settled(b)
    assert.equal(await b.get(pin.cid), undefined)
  }
})

test('a pin that was asked for again goes with a removal from after that', async () => {
  await using a = await openReplica()
  await using b = await openReplica()
  const written = record(a)
  const pin = toPin(cidOf('k'))
  await a.write([pin], [], signal)
  deliver(b, written)
  await settled(b)
  await b.write([pin], [], signal)
  await nextMillisecond()
  await a.write([], [pin.cid], signal)
  deliver(b, written.slice(1))
  await settled(b)
  assert.equal(await b.get(pin.cid), undefined)
})

test('a refused write reaches the caller, makes the replica read-only, and is not there later', async () => {
  const store = openMemoryStore()
  let isFull = false
  const faulty: ByteStore = {
    ...wrap(store),
    batch: async (writes, options) => {
      if (isFull) throw new ClusterError('STORE_FAILED', 'no space left on device')
      await store.batch(writes, options)
    },
  }
  await using replica = await openReplica(faulty)
  await replica.write([toPin(cidOf('before'))], [], signal)
  isFull = true
  await assert.rejects(replica.write([toPin(cidOf('k'))], [], signal), { code: 'STORE_FAILED' })
  await assert.rejects(replica.write([toPin(cidOf('k'))], [], signal), { code: 'READ_ONLY' })
  assert.equal(await replica.get(cidOf('k')), undefined)
  isFull = false
  const deadline = Date.now() + 10_000
  while (replica.failure !== undefined && Date.now() < deadline)
    await new Promise(resolve => setTimeout(resolve, 50))
  await replica.write([toPin(cidOf('k'))], [], signal)
  assert.equal(replica.pinsCount, 2)
})

test('folding the log keeps everything, and the digest', async () => {
  const store = openMemoryStore()
  await using replica = await openReplica(store)
  for (let index = 0; index < 600; index++) {
    await replica.write([toPin(cidOf(`p${index % 300}`), { name: `n${index}` })], [], signal)
  }
  await settled(replica)
  const root = rootOf(replica)
  const before = await contents(replica)
  assert.ok([0, 1, 2, 3, 4, 5, 6, 7].some(partition => replica.committed.headOf(partition).snapshotBytes > 0))
  await using again = await openReplica(store)
  assert.equal(rootOf(again), root)
  assert.deepEqual(await contents(again), before)
  await using other = await openReplica()
  await pull(other, again)
  assert.equal(rootOf(other), root)
  assert.deepEqual(await contents(other), before)
})

function wrap(store: ByteStore): ByteStore {
  return {
    get: key => store.get(key),
    getMany: keys => store.getMany(keys),
    batch: (writes, options) => store.batch(writes, options),
    entries: range => store.entries(range),
    pages: range => store.pages(range),
    keys: range => store.keys(range),
    reopen: () => store.reopen(),
    sizeBytes: (from, to) => store.sizeBytes(from, to),
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  }
}

test('a partition of which something on disk is missing is built anew from the rest, and healed by another peer', async () => {
  const store = openMemoryStore()
  await using other = await openReplica()
  {
    await using replica = await openReplica(store)
    for (let index = 0; index < 40; index++) {
      await replica.write([toPin(cidOf(`p${index}`), { name: `n${index}` })], [], signal)
    }
    await pull(other, replica)
  }
  const damage: StoreWrite[] = []
  let position = 0
  for await (const [key] of store.entries({ gte: Uint8Array.of(2), lt: Uint8Array.of(3) }))
    if (position++ % 3 === 1) damage.push({ key, value: undefined })
  assert.ok(damage.length > 5)
  await store.batch(damage, { isSynced: true })
  await using replica = await openReplica(store)
  await settled(replica)
  await settled(replica)
  assert.notEqual(rootOf(replica), rootOf(other), 'the loss shows')
  assert.ok((await contents(replica)).length < 40)
  await pull(replica, other)
  assert.deepEqual(await contents(replica), await contents(other))
  assert.equal(rootOf(replica), rootOf(other))
})

test('whether a changed pin had an entry before is told, also of what others wrote', async () => {
  await using one = await openReplica()
  await using two = await openReplica()
  const told: string[] = []
  two.onChanged((cids, hadEntry) => cids.forEach((cid, at) => told.push(`${cid} ${hadEntry?.[at]}`)))
  const written = record(one)
  const cid = cidOf('a')
  const write = async (replica: Replica, pins: Pin[], removed: Cid[] = []) => {
    await replica.write(pins, removed, signal)
    deliver(two, written.splice(0))
    await settled(two)
  }
  await write(one, [toPin(cid, { name: 'first' })])
  await write(one, [toPin(cid, { name: 'second' })])
  await write(two, [toPin(cidOf('b'), {})])
  await write(one, [], [cid])
  assert.deepEqual(told, [`${cid} false`, `${cid} true`, `${cidOf('b')} false`, `${cid} true`])
})
