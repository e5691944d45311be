import assert from 'node:assert/strict'
import { decode } from '@ipld/dag-cbor'
import { CID } from 'multiformats/cid'
import { ClusterError } from '../../../src/errors.ts'
import type { Procedures, RpcHandlers } from '../../../src/interfaces.ts'
import { systemClock } from '../../../src/lib/clock.ts'
import type { Random } from '../../../src/lib/random.ts'
import { formatCid } from '../../../src/model/cid.ts'
import {
  decodeHeartbeat,
  encodeHeartbeat,
  type Heartbeat,
  untimeliness,
} from '../../../src/monitor/heartbeat.ts'
import { MetricBook } from '../../../src/monitor/metric-book.ts'
import { PeerWatch } from '../../../src/monitor/peer-watch.ts'
import { PHI_MAX } from '../../../src/monitor/phi.ts'
import { callRemote } from '../../../src/rpc/client.ts'
import { answerToBytes, CODECS, callToBytes, toBytes } from '../../../src/rpc/codec.ts'
import { RPC_CONFIG } from '../../../src/rpc/config.ts'
import {
  callsToBytes,
  type Numbered,
  repliesFromBytes,
  repliesToBytes,
  replyFromBytes,
  replyToBytes,
} from '../../../src/rpc/line-codec.ts'
import { serveLines } from '../../../src/rpc/line-server.ts'
import { isProcedure, PROCEDURES } from '../../../src/rpc/procedures.ts'
import { answerCall } from '../../../src/rpc/server.ts'
import { DETECTOR_CONFIG } from '../../support/monitor-config.ts'
import { EXAMPLES, peerInfo } from '../../support/rpc-examples.ts'
import { silentLogger } from '../../support/silent-logger.ts'
import { virtualClock } from '../../support/virtual-clock.ts'
import { outcomeOf } from '../drive.ts'
import { Mutator } from '../mutate.ts'
import { mutateCbor } from '../mutate-cbor.ts'
import type { Outcome, Session, Target } from '../target.ts'
import { identityFrom } from '../world.ts'

/** What peers may ask that are not trusted; a follower must learn that others hold what it is to let go of. */
const FOR_STRANGERS: ReadonlySet<string> = new Set(['', 'id', 'holds'])

/** Calls by a peer that is not trusted, and the answers of one. */
export const rpcTarget: Target = {
  name: 'calls and answers',
  weight: 2,
  open: async random => openRpcSession(random),
}

/** Heartbeats, whoever sends them. */
export const heartbeatTarget: Target = {
  name: 'heartbeats',
  weight: 1,
  open: async random => openHeartbeats(random),
}

const { signal } = new AbortController()
const NAMES = Object.keys(PROCEDURES).filter(isProcedure)

function openRpcSession(random: Random): Session {
  const mutator = new Mutator(random)
  const calls = NAMES.flatMap(name => EXAMPLES[name].map(({ input }) => callOf(name, input)))
  const replies = EXAMPLES.status.map(({ outputs }): Numbered => {
    const wires = outputs.map(output => CODECS.status.output.toWire(output))
    return [1, replyToBytes({ outputs: wires, error: new ClusterError('NOT_FOUND', 'no such thing') })]
  })
  const twist = (bytes: Uint8Array) =>
    mutator.chance(0.25) ? mutator.bytes(bytes) : mutateCbor(bytes, mutator)
  const ask = async (): Promise<Outcome> => {
    let reached = ''
    const note = (name: string) =>
      async function* () {
        reached = name
        yield* []
      }
    const handlers = closedHandlers(note)
    const parts = {
      handlers,
      isTrusted: () => false,
      clock: systemClock,
      logger: silentLogger(),
      onFailure,
      onRefusal: onFailure,
    }
    const messages = [twist(mutator.pick(calls)), mutator.bytes(mutator.pick(calls))]
    let outcome: Outcome = 'accepted'
    for await (const answer of answerCall(parts, RPC_CONFIG, list(messages), 'stranger', { signal })) {
      const { error } = decode<{ readonly error?: { readonly code: Outcome } }>(answer)
      outcome = error?.code ?? outcome
    }
    assert.ok(FOR_STRANGERS.has(reached), `a stranger reached ${reached}`)
    assert.notEqual(outcome, 'INTERNAL')
    return outcome
  }
  const askOnLine = async (): Promise<Outcome> => {
    let reached = ''
    const note = (name: string) =>
      async function* () {
        reached = name
        yield* []
      }
    const quiet = {
      isTrusted: () => false,
      clock: systemClock,
      logger: silentLogger(),
      onFailure,
      onRefusal: onFailure,
    }
    const serve = serveLines({ handlers: closedHandlers(note), ...quiet, onCall: onFailure })
    const frames = Array.from({ length: 1 + mutator.below(3) }, (_, frame) => {
      const numbered = calls.map(
        (call, index): Numbered => [100 * frame + index, mutator.chance(0.5) ? twist(call) : call],
      )
      const valid = callsToBytes({
        calls: numbered.slice(0, mutator.below(numbered.length)),
        cancels: [mutator.below(5)],
      })
      return mutator.chance(0.5) ? valid : twist(valid)
    })
    const outcome = await outcomeOf(async () => {
      for await (const message of serve(list(frames), 'stranger', { signal })) {
        for (const [, bytes] of repliesFromBytes(message))
          assert.notEqual(replyFromBytes(bytes).error?.code, 'INTERNAL')
      }
    })
    assert.ok(FOR_STRANGERS.has(reached), `a stranger reached ${reached}`)
    return outcome
  }
  const answerOnLine = (): Promise<Outcome> => {
    const [, bytes]: Numbered = mutator.pick(replies)
    const message = repliesToBytes([[1, mutator.chance(0.5) ? bytes : twist(bytes)]])
    return outcomeOf(() => {
      for (const [, reply] of repliesFromBytes(mutator.chance(0.5) ? message : twist(message))) {
        const { outputs } = replyFromBytes(reply)
        for (const output of outputs) checkUsable(CODECS.status.output.fromWire(output))
      }
    })
  }
  const answer = async (): Promise<Outcome> => {
    const name = mutator.pick(NAMES.filter(name => name !== 'putBlocks'))
    const example = mutator.pick<{ readonly input: unknown; readonly outputs: readonly unknown[] }>(
      EXAMPLES[name],
    )
    const outputs = example.outputs.map(output => twist(outputOf(name, output)))
    const error = new ClusterError('NOT_FOUND', 'no such thing', { details: { cid: 'x', count: 2 } })
    const messages = [
      answerToBytes({ kind: 'outputs', outputs }),
      answerToBytes({ kind: 'error', error }),
    ].map(message => (mutator.chance(0.5) ? message : twist(message)))
    const network = { request: () => list(messages) }
    const parts = { network, clock: systemClock, protocol: 'p' }
    try {
      const input = example.input as Procedures[typeof name]['input']
      for await (const output of callRemote(parts, RPC_CONFIG, 'peer', name, input, { signal }))
        checkUsable(output)
      return 'accepted'
    } catch (thrown) {
      // Also `INTERNAL`: that is what the other peer may have said.
      if (thrown instanceof ClusterError) return thrown.code
      throw thrown
    }
  }
  return {
    feed: () => mutator.pick([ask, askOnLine, answer, answerOnLine])(),
    check: async () => undefined,
    [Symbol.asyncDispose]: async () => undefined,
  }
}

const onFailure = () => undefined

function closedHandlers(note: (name: string) => () => AsyncGenerator<never>): RpcHandlers {
  // A parsing edge: every name of the table, a handler for each.
  return Object.fromEntries(NAMES.map(name => [name, note(name)])) as unknown as RpcHandlers
}

function callOf(name: keyof Procedures, input: unknown): Uint8Array {
  const codec = CODECS[name].input
  const wire =
    codec.kind === 'value' ? (codec.value as { toWire(value: unknown): unknown }).toWire(input) : null
  return callToBytes({ name, input: wire })
}

function outputOf(name: keyof Procedures, output: unknown): Uint8Array {
  return toBytes((CODECS[name].output as { toWire(value: unknown): unknown }).toWire(output))
}

/** What came through must be what it says to be, as deep as it goes. */
function checkUsable(value: unknown): void {
  if (value instanceof CID) assert.ok(formatCid(value) !== '' && value.bytes instanceof Uint8Array)
  else if (Array.isArray(value)) value.forEach(checkUsable)
  else if (value instanceof Map) [...value].forEach(checkUsable)
  else if (typeof value === 'object' && value !== null && !(value instanceof Uint8Array)) {
    assert.equal(Object.getPrototypeOf(value), Object.prototype)
    Object.values(value).forEach(checkUsable)
  }
}

function openHeartbeats(random: Random): Session {
  const mutator = new Mutator(random)
  const [own, other] = [identityFrom(random), identityFrom(random)]
  const hello = { peername: 'name', ipfsId: peerInfo.id, ipfsAddresses: ['/ip4/10.0.0.1/tcp/4001'] }
  const measure = {
    name: 'freespace',
    value: '17',
    weight: 17,
    isPartitionable: false,
    isValid: true,
    ttlMs: 30_000,
  }
  const clock = virtualClock()
  const nothing = () => undefined
  const watch = new PeerWatch(
    { self: 'self', clock, isTrusted: () => true, onChange: nothing, onPause: nothing, onMissed: nothing },
    { ...DETECTOR_CONFIG, pingIntervalMs: 1000 },
  )
  const book = new MetricBook({
    peersMax: 1,
    isTrusted: () => true,
    conditionOf: peer => watch.conditionOf(peer),
    onForget: peer => watch.forget(peer),
  })
  const number = () =>
    mutator.pick([0, 1, -1, 1000, 15_000, 0.5, 86_400_000, 2 ** 53, -(2 ** 63), 1.7e12, 1e300, 5e-324])
  const oddly = (usual: number) => (mutator.chance(0.1) ? number() : usual)
  const beat = (peer: string): Heartbeat => ({
    boot: mutator.pick(['ab', 'cd']).repeat(16),
    sentAtMs: oddly(clock.now()),
    intervalMs: oddly(15_000),
    peer,
    sequence: oddly(mutator.below(99)),
    hello,
    measures: [
      { ...measure, weight: oddly(17), ttlMs: oddly(30_000), name: mutator.pick(['freespace', 'ping', '']) },
    ],
    missed: mutator.chance(0.3) ? undefined : [other.id, 'self'].slice(mutator.below(3)),
    isLeaving: mutator.chance(0.1),
  })
  const feed = async (): Promise<Outcome> => {
    const [author, signer] = [mutator.pick([own, other]), mutator.pick([own, other])]
    const valid = encodeHeartbeat(beat(author.id), 'cluster', signer)
    const isChanged = mutator.chance(0.5)
    const bytes = !isChanged ? valid : mutator.chance(0.5) ? mutator.bytes(valid) : mutateCbor(valid, mutator)
    const from = mutator.pick([own, other]).id
    if (mutator.chance(0.1)) await clock.advance(mutator.below(20_000))
    const read = decodeHeartbeat(bytes, from, 'cluster')
    if (typeof read === 'string') return 'INVALID_ARGUMENT'
    assert.ok(read.peer === from && signer.id === from, 'a heartbeat was forged')
    assert.ok(read.intervalMs >= 100 && read.intervalMs <= 600_000, 'an absurd interval was taken')
    assert.ok(
      read.measures.every(({ name, weight }) => name === 'freespace' && weight >= 0),
      'an absurd measure was taken',
    )
    if (untimeliness(read, clock.now(), 3_600_000) !== undefined) return 'INVALID_ARGUMENT'
    if (typeof book.note(read, watch.now()) === 'string') return 'dropped'
    watch.heard(from, read)
    return 'accepted'
  }
  const check = async () => {
    const health = watch.health()
    assert.ok(health.length <= 2, 'more peers are watched than there is room for')
    for (const { phi } of health) assert.ok(phi >= 0 && phi <= PHI_MAX, `phi is ${phi}`)
  }
  return { feed, check, [Symbol.asyncDispose]: async () => watch[Symbol.dispose]() }
}

async function* list(messages: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* messages
}
