import assert from 'node:assert/strict'
import { createNoopMeter } from '@opentelemetry/api'
import { Create } from 'typebox/value'
import { type ConsensusConfig, consensusSchema, toConsensusConfig } from '../../src/consensus/config.ts'
import { VIEW_RANGE } from '../../src/consensus/keys.ts'
import { METRICS } from '../../src/consensus/metrics.ts'
import type { PartitionChange } from '../../src/consensus/part.ts'
import { Replica } from '../../src/consensus/replica.ts'
import type { ByteStore } from '../../src/interfaces.ts'
import { toHex } from '../../src/lib/bytes.ts'
import { type Clock, systemClock } from '../../src/lib/clock.ts'
import { makeInstruments } from '../../src/lib/instruments.ts'
import type { Random } from '../../src/lib/random.ts'
import { formatCid } from '../../src/model/cid.ts'
import { type Identity, identityFromSeed } from '../../src/model/identity.ts'
import { type Pin, toPin } from '../../src/model/pin.ts'
import { openMemoryStore } from '../../src/store/memory.ts'
import { numberedCid } from '../support/numbered-cid.ts'
import { silentLogger } from '../support/silent-logger.ts'

/** Few, so that inputs meet in them. */
export const PARTITIONS = 8

/** The configuration of a pinset in few pieces. */
export function fuzzConfig(trustedPeers: readonly string[]): ConsensusConfig {
  const section = {
    ...Create(consensusSchema),
    cluster_name: 'fuzz',
    trusted_peers: [...trustedPeers],
    partitions: PARTITIONS,
  }
  return { ...toConsensusConfig(section), repairIntervalMs: 0, memoryBudgetBytes: 4 * 1024 * 1024 }
}

/** An identity that the random numbers determine. */
export function identityFrom(random: Random): Identity {
  return identityFromSeed(random.bytes(32))
}

/** A replica of its own. */
export async function openReplica(
  self: string,
  random: Random,
  store: ByteStore = openMemoryStore(),
  clock: Clock = systemClock,
): Promise<Replica> {
  const metrics = makeInstruments(createNoopMeter(), METRICS)
  return Replica.open({ self, store, clock, random, logger: silentLogger(), metrics }, fuzzConfig(['*']))
}

/** A pin with every field that a record has. */
export function richPin(number: number, random: Random): Pin {
  const has = () => random.next() < 0.3
  return toPin(numberedCid(number), {
    name: has() ? `pin ${number} ${'ü'.repeat(Math.floor(random.next() * 20))}` : '',
    timestampMs: 1_700_000_000_000 + number * 1000,
    replicationMin: has() ? -1 : 2,
    replicationMax: has() ? -1 : 3,
    allocations: has() ? [identityFrom(random).id, identityFrom(random).id] : [],
    metadata: has() ? { key: 'value', other: 'x'.repeat(50) } : {},
    expireAtMs: has() ? 1_900_000_000_000 : undefined,
    pinUpdate: has() ? numberedCid(number + 1) : undefined,
    origins: has() ? [`/ip4/10.0.0.1/tcp/4001/p2p/${identityFrom(random).id}`] : [],
    reference: has() ? numberedCid(number + 2) : undefined,
    type: has() ? 'shard-pin' : 'pin',
    maxDepth: has() ? 1 : -1,
    shardSizeBytes: has() ? 1024 : 0,
  })
}

/** A peer that writes, and all that it wrote. */
export class Writer implements AsyncDisposable {
  readonly identity: Identity
  readonly replica: Replica
  readonly #random: Random
  #written: PartitionChange[] = []
  readonly #numbers: number[] = []

  constructor(identity: Identity, replica: Replica, random: Random) {
    this.identity = identity
    this.replica = replica
    this.#random = random
    replica.onWritten(changes => this.#written.push(...changes))
  }

  static async open(random: Random): Promise<Writer> {
    const identity = identityFrom(random)
    return new Writer(identity, await openReplica(identity.id, random), random)
  }

  /** Adds, changes and removes a few pins; gives the changes as they go out. */
  async write(): Promise<readonly PartitionChange[]> {
    this.#written = []
    const puts = Array.from({ length: 1 + Math.floor(this.#random.next() * 4) }, () => {
      const number = Math.floor(this.#random.next() * 200)
      this.#numbers.push(number)
      return richPin(number, this.#random)
    })
    const { signal } = new AbortController()
    await this.replica.write(puts, [], signal)
    if (this.#random.next() < 0.5) {
      const number = this.#numbers[Math.floor(this.#random.next() * this.#numbers.length)] ?? 0
      await this.replica.write([], [numberedCid(number)], signal)
    }
    return this.#written
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.replica[Symbol.asyncDispose]()
  }
}

/** Brings `to` up to everything that `from` knows. */
export async function pull(to: Replica, from: Replica): Promise<void> {
  for (let partition = 0; partition < PARTITIONS; partition++) {
    const state = await from.exportPartition(partition, to.committed.headOf(partition).clocks)
    const outcome = await to.merge(partition, { ...state, retired: from.committed.retired })
    assert.notEqual(outcome, 'missing')
  }
}

/** Waits until everything that was received is worked out. */
export async function settled(replica: Replica): Promise<void> {
  await replica.alone(async () => undefined)
}

/** All that a replica says of its pinset: the digest, and what is listed. */
export async function contentsOf(replica: Replica): Promise<string> {
  const lines = [toHex(replica.committed.digests.root), String(replica.pinsCount)]
  for await (const page of replica.pins({})) {
    for (const pin of [page].flat())
      lines.push(`${formatCid(pin.cid)} ${pin.name} ${pin.type} ${pin.timestampMs}`)
  }
  return lines.join('\n')
}

/** Client id and clock of every writer, by partition. */
export function clocksOf(replica: Replica): Map<string, number> {
  const clocks = new Map<string, number>()
  for (let partition = 0; partition < PARTITIONS; partition++) {
    for (const [client, clock] of replica.committed.headOf(partition).clocks)
      clocks.set(`${partition} ${client}`, clock)
  }
  return clocks
}

/** The view as it is stored, with what it knows of each item beside the pin. */
async function viewOf(store: ByteStore): Promise<readonly string[]> {
  const lines: string[] = []
  for await (const [key, value] of store.entries(VIEW_RANGE)) lines.push(`${toHex(key)} ${toHex(value)}`)
  return lines
}

/**
 * A replica is sound when another one that fetches all of its documents lists the same and has the same digests, when its
 * own writes still work, and when it reads the same back from its store.
 */
export async function checkSound(replica: Replica, store: ByteStore, random: Random): Promise<void> {
  await settled(replica)
  const { signal } = new AbortController()
  const pin = toPin(numberedCid(10_000 + Math.floor(random.next() * 50)), { name: `own ${random.next()}` })
  await replica.write([pin], [], signal)
  assert.equal((await replica.get(pin.cid))?.name, pin.name)
  const contents = await contentsOf(replica)
  {
    const otherStore = openMemoryStore()
    await using other = await openReplica('other', random, otherStore)
    await pull(other, replica)
    assert.equal(await contentsOf(other), contents, 'a replica that fetched everything is another')
    assert.deepEqual(await viewOf(otherStore), await viewOf(store), 'the view is not what the documents say')
  }
  await using again = await openReplica('again', random, store)
  assert.equal(await contentsOf(again), contents, 'a replica that was opened again is another')
}
