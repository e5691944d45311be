import assert from 'node:assert/strict'
import { encodeClocks } from '../../../src/consensus/head.ts'
import type { Replica } from '../../../src/consensus/replica.ts'
import { SyncClient } from '../../../src/consensus/sync-client.ts'
import { encodeRequest, SYNC_PROTOCOL } from '../../../src/consensus/sync-protocol.ts'
import { SyncServer } from '../../../src/consensus/sync-server.ts'
import { Trust } from '../../../src/consensus/trust.ts'
import { type Clock, systemClock } from '../../../src/lib/clock.ts'
import type { Random } from '../../../src/lib/random.ts'
import { type MemoryStore, openMemoryStore } from '../../../src/store/memory.ts'
import { numberedCid } from '../../support/numbered-cid.ts'
import { silentLogger } from '../../support/silent-logger.ts'
import { outcomeOf } from '../drive.ts'
import { Mutator } from '../mutate.ts'
import type { Outcome, Session, Target } from '../target.ts'
import { toBytes, type Walk, walk, walkRequest, walkState } from '../tokens.ts'
import { checkSound, contentsOf, identityFrom, openReplica, PARTITIONS, pull, Writer } from '../world.ts'

/** Questions about the pinset, as anybody who has the secret may ask them. */
export const questionsTarget: Target = {
  name: 'sync questions',
  weight: 2,
  open: random => SyncSession.open(random, 'ask'),
}

/** Answers of a trusted peer that lies. */
export const answersTarget: Target = {
  name: 'sync answers',
  weight: 2,
  open: random => SyncSession.open(random, 'answer'),
}

const { signal } = new AbortController()
const INPUTS_PER_REPLICA = 2000
/** What one question may bring, for each partition asked for: its whole state and a little. */
const ANSWER_BYTES_MAX = 512 * 1024

/** A clock on which rates never run out. */
function generousClock(): Clock {
  let nowMs = 0
  return { ...systemClock, monotonic: () => (nowMs += 60_000), sleep: async () => undefined }
}

class SyncSession implements Session {
  readonly #random: Random
  readonly #mutator: Mutator
  readonly #mode: 'ask' | 'answer'
  readonly #writer: Writer
  readonly #asker: string
  #store: MemoryStore = openMemoryStore()
  #replica: Replica
  #trust: Trust
  #server: SyncServer
  #fed = 0

  private constructor(
    random: Random,
    mode: 'ask' | 'answer',
    writer: Writer,
    replica: Replica,
    trust: Trust,
  ) {
    this.#random = random
    this.#mutator = new Mutator(random)
    this.#mode = mode
    this.#writer = writer
    this.#asker = identityFrom(random).id
    this.#replica = replica
    this.#trust = trust
    this.#server = this.#serve()
    this.#mutator.learnNumbers([writer.replica.client, replica.client])
    this.#mutator.learnPieces([
      numberedCid(1).bytes,
      encodeClocks(new Map([[1, 2]])),
      Buffer.from(this.#asker),
    ])
  }

  static async open(random: Random, mode: 'ask' | 'answer'): Promise<SyncSession> {
    const writer = await Writer.open(random)
    for (let count = 0; count < 20; count++) await writer.write()
    const store = openMemoryStore()
    const replica = await openReplica('victim', random, store)
    const session = new SyncSession(
      random,
      mode,
      writer,
      replica,
      await Trust.open(store, 'victim', undefined),
    )
    session.#store = store
    await pull(replica, writer.replica)
    return session
  }

  /** In the first mode the replica under attack answers, in the second it is a peer that tells the truth. */
  #serve(): SyncServer {
    const replica = this.#mode === 'ask' ? this.#replica : this.#writer.replica
    return new SyncServer({ replica, trust: this.#trust, partitionsCount: PARTITIONS }, generousClock())
  }

  feed(): Promise<Outcome> {
    return this.#mode === 'ask' ? this.#ask() : this.#answer()
  }

  async #ask(): Promise<Outcome> {
    const mutator = this.#mutator
    const bytes = mutator.chance(0.2)
      ? mutator.bytes(this.#question())
      : toBytes(mutator.tokens(walk(this.#question(), walkRequest), walk(this.#question(), walkRequest)))
    return outcomeOf(async () => {
      let answerBytes = 0
      for await (const answer of this.#server.answer(messages([bytes]), this.#asker, { signal })) {
        answerBytes += answer.length
        assert.ok(answerBytes <= ANSWER_BYTES_MAX + bytes.length * 100, `${answerBytes} bytes of answers`)
      }
    })
  }

  #question(): Uint8Array {
    const mutator = this.#mutator
    const kind = mutator.pick(['groups', 'partitions', 'pull', 'pull', 'retired', 'trust'] as const)
    if (kind === 'partitions') return encodeRequest({ kind, groups: [mutator.below(64), mutator.below(64)] })
    if (kind !== 'pull') return encodeRequest({ kind })
    const partitions = Array.from({ length: 1 + mutator.below(4) }, () => mutator.below(PARTITIONS))
    const clocksOf = (partition: number) => this.#replica.committed.headOf(partition).clocks
    return encodeRequest({
      kind,
      partitions: partitions.map(partition => ({
        partition,
        clocks: mutator.chance(0.5) ? clocksOf(partition) : new Map(),
      })),
    })
  }

  async #answer(): Promise<Outcome> {
    if (++this.#fed % INPUTS_PER_REPLICA === 0) await this.#renew()
    if (this.#mutator.chance(0.05)) await this.#writer.write()
    const client = new SyncClient(
      { request: (_to, protocol, input) => this.#lie(protocol, input) },
      silentLogger(),
      PARTITIONS,
    )
    const peer = this.#writer.identity.id
    const mutator = this.#mutator
    return outcomeOf(async () => {
      switch (mutator.below(6)) {
        case 0:
          assert.equal((await client.overview(peer, { signal })).partitionsCount, PARTITIONS)
          return
        case 1:
          assert.equal((await client.digests(peer, [1, 2], 2, { signal })).length, 2)
          return
        case 2:
          await client.retired(peer, { signal })
          return
        case 3:
          await this.#trust.merge(await client.trust(peer, { signal }), peer, this.#replica)
          return
        default: {
          const asked = [mutator.below(PARTITIONS), mutator.below(PARTITIONS)].map(partition => ({
            partition,
            clocks: this.#replica.committed.headOf(partition).clocks,
          }))
          for await (const { partition, state } of client.pull(peer, asked, { signal }))
            await this.#replica.merge(partition, { ...state, retired: new Set() })
        }
      }
    })
  }

  /** A true answer, then what a liar makes of it: other messages, too few of them, too many. */
  async *#lie(protocol: string, input: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
    assert.equal(protocol, SYNC_PROTOCOL)
    const mutator = this.#mutator
    for await (const answer of this.#server.answer(input, this.#asker, { signal })) {
      const copies = mutator.chance(0.1) ? mutator.below(4) : 1
      for (let copy = 0; copy < copies; copy++) yield this.#twisted(answer)
      if (mutator.chance(0.05)) return
    }
    if (mutator.chance(0.05)) yield this.#random.bytes(mutator.below(100))
  }

  #twisted(answer: Uint8Array): Uint8Array {
    const mutator = this.#mutator
    if (mutator.chance(0.3)) return answer
    if (mutator.chance(0.3)) return mutator.bytes(answer)
    const tokens = walk(answer, walkAnswer)
    return toBytes(mutator.tokens(tokens, tokens))
  }

  async #renew(): Promise<void> {
    await this.#replica[Symbol.asyncDispose]()
    this.#store = openMemoryStore()
    this.#replica = await openReplica('victim', this.#random, this.#store)
    this.#trust = await Trust.open(this.#store, 'victim', undefined)
    this.#server = this.#serve()
  }

  async check(): Promise<void> {
    if (this.#mode === 'answer') return checkSound(this.#replica, this.#store, this.#random)
    const contents = await contentsOf(this.#writer.replica)
    assert.equal(await contentsOf(this.#replica), contents, 'questions changed something')
    for await (const answer of this.#server.answer(
      messages([encodeRequest({ kind: 'groups' })]),
      this.#asker,
      { signal },
    ))
      assert.ok(answer.length > 64)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#replica[Symbol.asyncDispose]()
    await this.#writer[Symbol.asyncDispose]()
  }
}

/** Pieces of states, up to the end of the data; other answers have no fields but numbers and digests. */
function walkAnswer(at: Walk): void {
  for (;;) {
    at.uint()
    at.raw(1)
    at.sized(walkState)
  }
}

async function* messages(list: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* list
}
