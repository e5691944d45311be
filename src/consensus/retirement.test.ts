import assert from 'node:assert/strict'
import test from 'node:test'
import { createNoopMeter } from '@opentelemetry/api'
import { consensusConfig } from '../../test/support/consensus-config.ts'
import { numberedCid } from '../../test/support/numbered-cid.ts'
import { seededRandom } from '../../test/support/seeded-random.ts'
import { silentLogger } from '../../test/support/silent-logger.ts'
import type { StoreWrite } from '../interfaces.ts'
import { equalBytes, toHex } from '../lib/bytes.ts'
import { systemClock } from '../lib/clock.ts'
import { makeInstruments } from '../lib/instruments.ts'
import type { Random } from '../lib/random.ts'
import { createIdentity } from '../model/identity.ts'
import { toPin } from '../model/pin.ts'
import { openMemoryStore } from '../store/memory.ts'
import { digestOf } from './head.ts'
import { METRICS } from './metrics.ts'
import { Replica } from './replica.ts'
import { Retirement } from './retirement.ts'

const PARTITIONS = 4
const { signal } = new AbortController()
const metrics = makeInstruments(createNoopMeter(), METRICS)

/** A peer whose process ends and starts again. */
class Peer {
  readonly self = createIdentity().id
  readonly store = openMemoryStore()
  readonly #random: Random
  #replica: Replica | undefined

  constructor(random: Random) {
    this.#random = random
  }

  get replica(): Replica {
    assert.ok(this.#replica)
    return this.#replica
  }

  get root(): string {
    return toHex(this.replica.committed.digests.root)
  }

  async start(): Promise<this> {
    const components = { self: this.self, store: this.store, clock: systemClock, random: this.#random }
    this.#replica = await Replica.open(
      { ...components, logger: silentLogger(), metrics },
      consensusConfig({ partitionsCount: PARTITIONS }),
    )
    return this
  }

  async stop(): Promise<void> {
    await this.#replica?.[Symbol.asyncDispose]()
  }

  async put(...numbers: number[]): Promise<void> {
    const pins = numbers.map(number => toPin(numberedCid(number)))
    await this.replica.write(pins, [], signal)
  }

  async remove(...numbers: number[]): Promise<void> {
    await this.replica.write([], numbers.map(numberedCid), signal)
  }

  async has(number: number): Promise<boolean> {
    return (await this.replica.get(numberedCid(number))) !== undefined
  }

  async contents(): Promise<string[]> {
    const all: string[] = []
    for await (const pin of this.replica.pins({})) all.push(pin.cid.toString())
    return all
  }

  /** How many writers the heads still count, over all partitions. */
  get countedWriters(): number {
    return [...this.replica.committed.heads.values()].reduce((sum, { clocks }) => sum + clocks.size, 0)
  }

  /** Fetches what the other has, and retires whom it has retired, as two peers do when they compare. */
  async pull(other: Peer): Promise<void> {
    const { committed } = this.replica
    const theirs = other.replica.committed
    const news = new Set([...theirs.retired].filter(client => !committed.retired.has(client)))
    const both = new Set([...committed.retired, ...theirs.retired])
    for (let partition = 0; partition < PARTITIONS && news.size > 0; partition++) {
      const own = digestOf(partition, committed.headOf(partition), both)
      if (!equalBytes(own, theirs.digests.ofPartition(partition))) await this.#pullOne(other, partition)
    }
    if (news.size > 0) await this.replica.retire(news)
    for (let partition = 0; partition < PARTITIONS; partition++) await this.#pullOne(other, partition)
  }

  async #pullOne(other: Peer, partition: number): Promise<void> {
    const { clocks } = this.replica.committed.headOf(partition)
    const state = await other.replica.exportPartition(partition, clocks)
    const { retired } = other.replica.committed
    const outcome = await this.replica.merge(partition, { ...state, retired })
    if (outcome !== 'missing') return
    const whole = await other.replica.exportPartition(partition, new Map())
    assert.notEqual(await this.replica.merge(partition, { ...whole, retired }), 'missing')
  }
}

async function threePeers(random: Random): Promise<readonly [Peer, Peer, Peer]> {
  return [await new Peer(random).start(), await new Peer(random).start(), await new Peer(random).start()]
}

async function exchange(peers: readonly Peer[]): Promise<void> {
  for (let round = 0; round < 2; round++) {
    for (const peer of peers) for (const other of peers) if (peer !== other) await peer.pull(other)
  }
}

/** Retires the peer's ended runs by the rule: when everybody says to have what it has. */
async function retire(peer: Peer, members: readonly Peer[]): Promise<boolean> {
  await using retirement = await Retirement.open(
    {
      store: peer.store,
      replica: peer.replica,
      isTrusted: () => true,
      rootDigest: () => peer.root,
      clock: systemClock,
      logger: silentLogger(),
    },
    1e12,
  )
  for (const member of members) if (member !== peer) retirement.notice(member.self, member.root)
  await retirement.consider()
  return peer.replica.committed.ended.size === 0
}

async function stopAll(peers: readonly Peer[]): Promise<void> {
  for (const peer of peers) await peer.stop()
}

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => from + index)

test('ended writers are retired when all peers are equal, and nothing else changes', async () => {
  const peers = await threePeers(seededRandom(1))
  const [a, b, c] = peers
  await a.put(...range(0, 40))
  await a.remove(...range(0, 30))
  await a.stop()
  await a.start()
  await exchange(peers)
  const before = await a.contents()
  assert.equal(await retire(a, peers), true)
  await exchange(peers)
  assert.deepEqual(await Promise.all(peers.map(peer => peer.contents())), [before, before, before])
  assert.equal(new Set(peers.map(peer => peer.root)).size, 1)
  await a.remove(...range(30, 40))
  await b.pull(a)
  assert.deepEqual(await b.contents(), [], 'a removal after the retirement reaches the others')
  await exchange(peers)
  assert.equal(new Set(peers.map(peer => peer.root)).size, 1)
  assert.equal(toHex(c.replica.committed.digests.root), '0'.repeat(32), 'nothing is left to tell')
  for (let round = 0; round < 60; round++) {
    await c.put(...range(200, 220))
    await c.remove(...range(200, 220))
  }
  assert.equal(c.countedWriters, PARTITIONS, 'only the one who writes now')
  await stopAll(peers)
})

test('a writer is not retired while a member is away or knows something else', async () => {
  const peers = await threePeers(seededRandom(2))
  const [a, b, c] = peers
  await a.put(1)
  await a.stop()
  await a.start()
  await exchange([a, b])
  assert.equal(await retire(a, [a, b, c]), false)
  assert.equal(await retire(a, [a, b]), false, 'a member once seen is waited for, also after a restart')
  await exchange(peers)
  assert.equal(await retire(a, peers), true)
  await stopAll(peers)
})

test('a peer that was away with unseen writes loses none of them and brings nothing back that was removed', async () => {
  const peers = await threePeers(seededRandom(3))
  const [a, b, c] = peers
  await a.put(...range(0, 20))
  await exchange(peers)
  await c.put(...range(100, 110))
  await c.remove(0)
  await a.remove(...range(1, 10))
  await a.stop()
  await a.start()
  await exchange([a, b])
  assert.equal(await retire(a, [a, b]), true, 'c counts as forgotten here')
  await exchange([a, b])
  await exchange(peers)
  const expected = [...range(10, 20), ...range(100, 110)]
  for (const peer of peers) {
    assert.equal(peer.replica.pinsCount, expected.length)
    for (const number of expected) assert.ok(await peer.has(number), `${number} is there`)
  }
  assert.equal(new Set(peers.map(peer => peer.root)).size, 1)
  await stopAll(peers)
})

test('whatever is written, removed, restarted, retired and exchanged in whatever order, all end equal and right', async () => {
  for (let seed = 1; seed <= 60; seed++) {
    const random = seededRandom(seed)
    const peers = await threePeers(random)
    const expected = new Set<number>()
    const pick = <Entry>(list: readonly Entry[]): Entry => {
      const entry = list[Math.floor(random.next() * list.length)]
      assert.ok(entry !== undefined)
      return entry
    }
    for (let step = 0; step < 50; step++) {
      const peer = pick(peers)
      const chance = random.next()
      if (chance < 0.35) {
        expected.add(step)
        await peer.put(step)
      } else if (chance < 0.55) {
        const number = pick([...expected, -1])
        if (number >= 0 && (await peer.has(number))) {
          await peer.remove(number)
          expected.delete(number)
        }
      } else if (chance < 0.7) {
        await peer.stop()
        await peer.start()
      } else if (chance < 0.85) await peer.pull(pick(peers.filter(other => other !== peer)))
      else {
        if (random.next() < 0.5) await exchange(peers)
        await retire(peer, peers)
      }
    }
    await exchange(peers)
    const wanted = [...expected].map(number => numberedCid(number).toString()).sort()
    for (const peer of peers) assert.deepEqual((await peer.contents()).sort(), wanted, `seed ${seed}`)
    assert.equal(new Set(peers.map(peer => peer.root)).size, 1, `seed ${seed}`)
    for (const peer of peers) {
      const { root } = peer
      await peer.stop()
      await peer.start()
      assert.equal(peer.root, root, `seed ${seed}: the same after a restart`)
    }
    await stopAll(peers)
  }
})

test('a disk that lost items of retired writers does not make the others take them for deleted', async () => {
  const peers = await threePeers(seededRandom(4))
  const [a, b] = peers
  await a.put(...range(0, 30))
  await a.stop()
  await a.start()
  await exchange(peers)
  assert.equal(await retire(a, peers), true)
  await exchange(peers)
  await b.stop()
  const damage: StoreWrite[] = []
  for (const kind of [2, 3]) {
    const entries = b.store.entries({ gte: Uint8Array.of(kind), lt: Uint8Array.of(kind + 1) })
    for await (const [key] of entries) damage.push({ key, value: undefined })
  }
  await b.store.batch(damage, { isSynced: true })
  await b.start()
  await b.replica.alone(async () => undefined)
  await exchange(peers).catch(() => undefined)
  await exchange(peers)
  for (const peer of peers) assert.equal(peer.replica.pinsCount, 30)
  assert.equal(new Set(peers.map(peer => peer.root)).size, 1)
  await stopAll(peers)
})
