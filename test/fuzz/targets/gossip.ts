import assert from 'node:assert/strict'
import { createNoopMeter } from '@opentelemetry/api'
import { clientIdOf } from '../../../src/consensus/client-id.ts'
import { encodeEnvelope } from '../../../src/consensus/envelope.ts'
import { Gossip } from '../../../src/consensus/gossip.ts'
import { METRICS } from '../../../src/consensus/metrics.ts'
import type { Replica } from '../../../src/consensus/replica.ts'
import { ClusterError } from '../../../src/errors.ts'
import type { LogFields } from '../../../src/interfaces.ts'
import { ByteReader } from '../../../src/lib/byte-reader.ts'
import { concatBytes } from '../../../src/lib/bytes.ts'
import { systemClock } from '../../../src/lib/clock.ts'
import { makeInstruments } from '../../../src/lib/instruments.ts'
import type { Random } from '../../../src/lib/random.ts'
import type { Identity } from '../../../src/model/identity.ts'
import { type MemoryStore, openMemoryStore } from '../../../src/store/memory.ts'
import { numberedCid } from '../../support/numbered-cid.ts'
import { silentLogger } from '../../support/silent-logger.ts'
import { Mutator } from '../mutate.ts'
import type { Outcome, Session, Target } from '../target.ts'
import { type Token, toBytes, walk, walkEnvelope } from '../tokens.ts'
import {
  checkSound,
  clocksOf,
  contentsOf,
  identityFrom,
  openReplica,
  pull,
  settled,
  Writer,
} from '../world.ts'

/** Messages on the topic of the pinset, by writers that are trusted and by others, as `Gossip` takes them. */
export const gossipTarget: Target = {
  name: 'gossip envelopes',
  weight: 3,
  open: random => GossipSession.open(random),
}

const SIGNATURE_BYTES = 64
/** Inputs of one author between two looks at what changed. */
const BATCH = 24
/** After so many batches a new replica takes the place of the one under attack, which otherwise would grow. */
const BATCHES_PER_REPLICA = 150
const SAMPLES_MAX = 60
const STRANGE_MAX = 10

interface Sample {
  readonly writer: Writer
  readonly tokens: readonly Token[]
  readonly bytes: Uint8Array
}

interface Message {
  readonly bytes: Uint8Array
  readonly from: string
}

/** Who is behind a batch of inputs, and what that one does. */
type Author =
  | 'trusted'
  | 'stranger in own name'
  | 'stranger in a trusted name'
  | 'trusted in another name'
  | 'replay by stranger'
const AUTHORS: readonly Author[] = [
  'trusted',
  'trusted',
  'trusted',
  'stranger in own name',
  'stranger in a trusted name',
  'trusted in another name',
  'replay by stranger',
]

class GossipSession implements Session {
  readonly #random: Random
  readonly #mutator: Mutator
  readonly #writers: readonly [Writer, Writer]
  readonly #stranger: Writer
  readonly #self: Identity
  #samples: Sample[] = []
  readonly #strange: Sample[] = []
  #store: MemoryStore
  #replica: Replica
  #gossip: Gossip
  #deliver: (bytes: Uint8Array, from: string) => void = () => undefined
  #refusal: Outcome | undefined
  #batchesLeft = BATCHES_PER_REPLICA
  #leftInBatch = 0
  #author: Author = 'trusted'
  #victim: Sample | undefined
  #before = ''
  #clocksBefore = new Map<string, number>()
  #incarnations = new Set<number>()

  private constructor(
    random: Random,
    writers: readonly [Writer, Writer],
    stranger: Writer,
    store: MemoryStore,
    replica: Replica,
  ) {
    this.#random = random
    this.#mutator = new Mutator(random)
    this.#writers = writers
    this.#stranger = stranger
    this.#self = identityFrom(random)
    this.#store = store
    this.#replica = replica
    this.#gossip = this.#open()
    this.#mutator.learnNumbers(writers.flatMap(({ replica }) => [replica.client, replica.incarnation]))
    this.#mutator.learnPieces(Array.from({ length: 40 }, (_, number) => numberedCid(number).bytes))
    this.#mutator.learnPieces([
      Buffer.from('p'),
      Buffer.from(stranger.identity.id),
      Buffer.from(this.#self.id),
    ])
    this.#mutator.learnPieces(writers.map(({ identity }) => Buffer.from(identity.id)))
  }

  static async open(random: Random): Promise<GossipSession> {
    const writers = [await Writer.open(random), await Writer.open(random)] as const
    const store = openMemoryStore()
    const replica = await openReplica('victim', random, store)
    const session = new GossipSession(random, writers, await Writer.open(random), store, replica)
    await session.#tell()
    return session
  }

  #open(): Gossip {
    const trusted = new Set(this.#writers.map(({ identity }) => identity.id))
    const metrics = makeInstruments(createNoopMeter(), METRICS)
    const network = {
      publish: async () => undefined,
      subscribe: (_topic: string, listener: (bytes: Uint8Array, from: string) => void) => {
        this.#deliver = listener
        return { [Symbol.dispose]: () => undefined }
      },
    }
    const logger = silentLogger()
    const counting = {
      ...logger,
      debug: (_message: string, { error }: LogFields = {}) => {
        this.#refusal = error instanceof ClusterError ? error.code : 'dropped'
      },
    }
    const isTrusted = (peer: string) => trusted.has(peer)
    const parts = {
      network,
      replica: this.#replica,
      isTrusted,
      clock: systemClock,
      logger: counting,
      metrics,
    }
    return new Gossip({ ...parts, identity: this.#self }, 'topic')
  }

  /** Writers go on with their work, so that there are valid messages that the replica does not know yet. */
  async #tell(): Promise<void> {
    for (const writer of this.#writers) this.#samples.push(await this.#sampleOf(writer))
    if (this.#samples.length > SAMPLES_MAX) this.#samples = this.#samples.slice(-SAMPLES_MAX)
    // From its first message on, so that what it says would be taken if it were believed.
    if (this.#strange.length < STRANGE_MAX) this.#strange.push(await this.#sampleOf(this.#stranger))
  }

  async #sampleOf(writer: Writer): Promise<Sample> {
    const changes = await writer.write()
    this.#mutator.learnPieces(changes.map(({ update }) => update))
    const bytes = encodeEnvelope(writer.identity, writer.replica.incarnation, changes)
    const tokens = walk(bytes.subarray(0, bytes.length - SIGNATURE_BYTES), walkEnvelope)
    return { writer, bytes, tokens }
  }

  async feed(): Promise<Outcome> {
    if (this.#leftInBatch === 0) await this.#beginBatch()
    this.#leftInBatch--
    const { bytes, from } = this.#next()
    this.#noteIncarnation(bytes)
    this.#refusal = undefined
    this.#deliver(bytes, from)
    return this.#refusal ?? 'accepted'
  }

  async #beginBatch(): Promise<void> {
    await this.#endBatch()
    if (--this.#batchesLeft <= 0) await this.#renew()
    await this.#tell()
    this.#author = this.#mutator.pick(AUTHORS)
    this.#victim = this.#mutator.pick(this.#samples)
    this.#leftInBatch = BATCH
    this.#before = this.#author === 'trusted' ? '' : await contentsOf(this.#replica)
    this.#clocksBefore = clocksOf(this.#replica)
    this.#incarnations = new Set([this.#victim.writer.replica.incarnation])
  }

  /** What the batch must not have done. */
  async #endBatch(): Promise<void> {
    if (this.#victim === undefined) return
    await settled(this.#replica)
    const { writer } = this.#victim
    if (this.#author !== 'trusted') {
      assert.equal(await contentsOf(this.#replica), this.#before, `changed by: ${this.#author}`)
      return
    }
    const own = new Set(
      [...this.#incarnations].map(incarnation => clientIdOf(writer.identity.id, incarnation)),
    )
    for (const [key, clock] of clocksOf(this.#replica)) {
      if (this.#clocksBefore.get(key) === clock) continue
      assert.ok(own.has(Number(key.split(' ')[1])), `an item of another writer was forged: ${key}`)
    }
  }

  #next(): Message {
    const mutator = this.#mutator
    const { writer } = this.#victim ?? mutator.pick(this.#samples)
    const own = this.#samples.filter(sample => sample.writer === writer)
    // The newest are those that the replica does not know yet.
    const base = mutator.chance(0.5) ? (own.at(-1) ?? mutator.pick(own)) : mutator.pick(own)
    const donor = mutator.pick(this.#samples)
    const changed = mutator.chance(0.15) ? base.tokens : mutator.tokens(base.tokens, donor.tokens)
    const body = mutator.chance(0.1) ? mutator.bytes(toBytes(changed)) : toBytes(changed)
    const { identity: stranger } = this.#stranger
    const other = this.#writers[0] === writer ? this.#writers[1] : this.#writers[0]
    switch (this.#author) {
      case 'trusted': {
        // Also what another one wrote, under the own name and signature.
        const isStolen = mutator.chance(0.2)
        const stolen = mutator.chance(0.5) ? donor.tokens : mutator.tokens(donor.tokens, base.tokens)
        return {
          bytes: sign(writer.identity, isStolen ? renamed(stolen, writer.identity.id) : body),
          from: writer.identity.id,
        }
      }
      case 'stranger in own name': {
        const strange = mutator.pick(this.#strange)
        if (mutator.chance(0.3)) return { bytes: strange.bytes, from: stranger.id }
        const own = mutator.chance(0.5) ? mutator.tokens(strange.tokens, changed) : changed
        return { bytes: sign(stranger, renamed(own, stranger.id)), from: stranger.id }
      }
      case 'stranger in a trusted name': {
        const from = mutator.pick([stranger.id, writer.identity.id])
        const stale = concatBytes([body, base.bytes.subarray(-SIGNATURE_BYTES)])
        const isUnchanged = Buffer.compare(stale, base.bytes) === 0
        return { bytes: mutator.chance(0.5) || isUnchanged ? sign(stranger, body) : stale, from }
      }
      case 'trusted in another name': {
        const named = renamed(changed, writer.identity.id)
        return { bytes: sign(other.identity, named), from: mutator.pick([other, writer]).identity.id }
      }
      default:
        return { bytes: base.bytes, from: stranger.id }
    }
  }

  #noteIncarnation(bytes: Uint8Array): void {
    const input = new ByteReader(bytes)
    try {
      input.byte()
      input.text(128)
      this.#incarnations.add(input.uint())
    } catch (thrown) {
      // Cut off before the incarnation: then nothing of it can be taken.
      if (!(thrown instanceof ClusterError)) throw thrown
    }
  }

  async #renew(): Promise<void> {
    this.#batchesLeft = BATCHES_PER_REPLICA
    this.#gossip[Symbol.dispose]()
    await this.#replica[Symbol.asyncDispose]()
    this.#store = openMemoryStore()
    this.#replica = await openReplica('victim', this.#random, this.#store)
    this.#gossip = this.#open()
    for (const writer of this.#writers) await pull(this.#replica, writer.replica)
  }

  async check(): Promise<void> {
    await this.#endBatch()
    this.#victim = undefined
    this.#leftInBatch = 0
    await checkSound(this.#replica, this.#store, this.#random)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#gossip[Symbol.dispose]()
    await this.#replica[Symbol.asyncDispose]()
    for (const writer of [...this.#writers, this.#stranger]) await writer[Symbol.asyncDispose]()
  }
}

function sign(identity: Identity, body: Uint8Array): Uint8Array {
  return concatBytes([body, identity.sign(body)])
}

/** The same message with another writer's name in it. */
function renamed(tokens: readonly Token[], name: string): Uint8Array {
  const writer: Token = { kind: 'sized', tokens: [{ kind: 'raw', bytes: Buffer.from(name) }], lie: 0n }
  return toBytes(tokens.length > 1 ? tokens.with(1, writer) : tokens)
}
