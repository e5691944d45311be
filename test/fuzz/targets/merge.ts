import assert from 'node:assert/strict'
import * as Y from 'yjs'
import type { Replica } from '../../../src/consensus/replica.ts'
import { decodeState, encodeState } from '../../../src/consensus/sync-protocol.ts'
import { MAP_NAME } from '../../../src/consensus/update.ts'
import type { Random } from '../../../src/lib/random.ts'
import { type MemoryStore, openMemoryStore } from '../../../src/store/memory.ts'
import { numberedCid } from '../../support/numbered-cid.ts'
import { outcomeOf } from '../drive.ts'
import { Mutator } from '../mutate.ts'
import type { Outcome, Session, Target } from '../target.ts'
import { toBytes, walk, walkState } from '../tokens.ts'
import { checkSound, openReplica, PARTITIONS, pull, Writer } from '../world.ts'

/** States of partitions that a trusted peer sends when it is asked, as they are merged into documents. */
export const mergeTarget: Target = {
  name: 'merged states',
  weight: 3,
  open: random => MergeSession.open(random),
}

const INPUTS_PER_REPLICA = 2000

class MergeSession implements Session {
  readonly #random: Random
  readonly #mutator: Mutator
  readonly #writers: readonly Writer[]
  #store: MemoryStore
  #replica: Replica
  #ownClocks = new Map<number, number>()
  #fed = 0

  private constructor(random: Random, writers: readonly Writer[], store: MemoryStore, replica: Replica) {
    this.#random = random
    this.#mutator = new Mutator(random)
    this.#writers = writers
    this.#store = store
    this.#replica = replica
    this.#mutator.learnNumbers(writers.map(({ replica }) => replica.client))
    this.#mutator.learnPieces(Array.from({ length: 40 }, (_, number) => numberedCid(number).bytes))
    this.#mutator.learnPieces([Buffer.from('p'), Buffer.from('q')])
  }

  static async open(random: Random): Promise<MergeSession> {
    const writers = [await Writer.open(random), await Writer.open(random)]
    for (const writer of writers) for (let count = 0; count < 10; count++) await writer.write()
    const store = openMemoryStore()
    return new MergeSession(random, writers, store, await openReplica('victim', random, store))
  }

  async feed(): Promise<Outcome> {
    if (++this.#fed % INPUTS_PER_REPLICA === 0) await this.#renew()
    const mutator = this.#mutator
    const { replica } = mutator.pick(this.#writers)
    if (mutator.chance(0.02)) await mutator.pick(this.#writers).write()
    const partition = mutator.chance(0.02) ? mutator.pick([PARTITIONS, 0xffff, 7]) : mutator.below(PARTITIONS)
    const from = partition % PARTITIONS
    const known = mutator.chance(0.5)
      ? this.#replica.committed.headOf(from).clocks
      : new Map<number, number>()
    const bytes = mutator.chance(0.06)
      ? foreignUpdate(mutator, this.#random)
      : this.#state(encodeState(await replica.exportPartition(from, known)))
    const clients = this.#writers.map(writer => writer.replica.client)
    const retired = new Set(mutator.chance(0.05) ? [mutator.pick(clients), 7] : [])
    return outcomeOf(async () => {
      await this.#replica.merge(partition, { ...decodeState(bytes), retired })
    })
  }

  #state(valid: Uint8Array): Uint8Array {
    const mutator = this.#mutator
    if (mutator.chance(0.05)) return valid
    if (mutator.chance(0.15)) return mutator.bytes(valid)
    const tokens = walk(valid, walkState)
    return toBytes(mutator.tokens(tokens, tokens))
  }

  async #renew(): Promise<void> {
    await this.#replica[Symbol.asyncDispose]()
    this.#store = openMemoryStore()
    this.#replica = await openReplica('victim', this.#random, this.#store)
    this.#ownClocks.clear()
    const [writer] = this.#writers
    if (writer !== undefined && this.#mutator.chance(0.5)) await pull(this.#replica, writer.replica)
  }

  /** Nobody but this run may move its own clocks: it would use a number twice. */
  async check(): Promise<void> {
    await checkSound(this.#replica, this.#store, this.#random)
    for (let partition = 0; partition < PARTITIONS; partition++) {
      const clock = this.#replica.committed.headOf(partition).clocks.get(this.#replica.client) ?? 0
      const before = this.#ownClocks.get(partition) ?? 0
      assert.ok(clock >= before && clock <= before + 1, `own clock went from ${before} to ${clock}`)
      this.#ownClocks.set(partition, clock)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#replica[Symbol.asyncDispose]()
    for (const writer of this.#writers) await writer[Symbol.asyncDispose]()
  }
}

/** What Yjs can say and this program never does: texts, lists, trees, documents in documents, keys that are set twice. */
function foreignUpdate(mutator: Mutator, random: Random): Uint8Array {
  const doc = new Y.Doc()
  const map = doc.getMap<unknown>(mutator.chance(0.8) ? MAP_NAME : 'q')
  const values = [
    () => new Y.Map([['a', 1]]),
    () => new Y.Array(),
    () => new Y.Text('text'),
    () => new Y.Doc(),
    () => ({ deep: [{ __proto__: null, a: 'b' }] }),
    () => 'text',
    () => random.bytes(20),
    () => null,
  ]
  for (let count = 0; count < 4; count++)
    map.set(mutator.pick(['k', '1.0', '__proto__']), mutator.pick(values)())
  if (mutator.chance(0.3)) doc.getText('t').insert(0, 'some text')
  if (mutator.chance(0.3)) map.delete('k')
  const update = Y.encodeStateAsUpdate(doc)
  doc.destroy()
  // A digest, no items of retired writers, no times of removals, then the update.
  const whole = Uint8Array.of(...new Uint8Array(16), 0, 0, ...update)
  return mutator.chance(0.5) ? whole : mutator.bytes(whole)
}
