import { decode, encode } from '@ipld/dag-cbor'
import { type Static, Type } from 'typebox'
import { Check } from 'typebox/value'
import type { PeerHello } from '../interfaces.ts'
import { concatBytes } from '../lib/bytes.ts'
import { type Identity, isSignedBy } from '../model/identity.ts'
import { DISK_USED_METRIC, type Measure } from '../model/metric.ts'
import type { PeerId } from '../model/peer.ts'
import { INTERVAL_MS_MAX, INTERVAL_MS_MIN } from './config.ts'
import { MISSED_MAX } from './failure-detector.ts'

/** Name of the metric that says that a peer lives. */
export const PING = 'ping'
/** The largest heartbeat that is sent, or looked into. */
export const HEARTBEAT_BYTES_MAX = 65_536
/** The most measures of one peer. */
export const MEASURES_MAX = 64
const VERSION = 1
const DAY_MS = 86_400_000
const PEERNAME_MAX = 1024
const ADDRESSES_MAX = 64
const ADDRESS_MAX = 512
/** Measures that count something, and whether more of it is better or worse: less than none of it is absurd. */
const QUANTITIES: ReadonlyMap<string, 1 | -1> = new Map([
  ['freespace', 1],
  ['numpin', -1],
  [DISK_USED_METRIC, -1],
])

const measureSchema = Type.Object({
  name: Type.String(),
  value: Type.String(),
  weight: Type.Number(),
  isPartitionable: Type.Boolean(),
  isValid: Type.Literal(true),
  ttlMs: Type.Number(),
})
const bodySchema = Type.Object({
  version: Type.Literal(VERSION),
  peer: Type.String({ maxLength: 128 }),
  boot: Type.String({ minLength: 8, maxLength: 64 }),
  sequence: Type.Number(),
  sentAtMs: Type.Number(),
  intervalMs: Type.Number(),
  peername: Type.String(),
  ipfsId: Type.Union([Type.String(), Type.Null()]),
  ipfsAddresses: Type.Array(Type.String()),
  measures: Type.Array(measureSchema),
  missed: Type.Optional(Type.Array(Type.String())),
  isLeaving: Type.Optional(Type.Boolean()),
})
type Body = Static<typeof bodySchema>

/** What a peer says of itself every few seconds. */
export interface Heartbeat {
  readonly peer: PeerId
  /** Chosen by chance when the peer starts. */
  readonly boot: string
  /** Rises with every heartbeat of a boot. */
  readonly sequence: number
  /** Unix milliseconds by the sender's clock: tells old messages from new ones, not who lives. */
  readonly sentAtMs: number
  /** When the next one may be expected. */
  readonly intervalMs: number
  readonly hello: PeerHello
  readonly measures: readonly Measure[]
  /** Peers that the sender would take for gone; undefined when it does not say. */
  readonly missed: readonly PeerId[] | undefined
  /** The last one before the peer stops. */
  readonly isLeaving: boolean
}

/**
 * Why a message is no heartbeat: a word for the metrics. *absurd* is what a peer did sign, but cannot mean: values out of all
 * bounds, free space below nothing, more measures than anybody has.
 */
export type Refusal = 'too_large' | 'malformed' | 'not_its_own' | 'bad_signature' | 'absurd'

/** Why a heartbeat is not of this time. */
export type Untimely = 'from_the_past' | 'from_the_future'

/** Whether others will take the measure. */
export function isSendable(measure: Measure): boolean {
  return Check(measureSchema, measure) && isSensibleMeasure(measure)
}

/**
 * Why a heartbeat is not of this time; undefined when it is. Clocks may differ, so the bound is wide: it keeps recordings of
 * long ago from making a dead peer look alive to one that has just started and remembers nothing.
 */
export function untimeliness(
  { sentAtMs }: Heartbeat,
  nowMs: number,
  skewMsMax: number,
): Untimely | undefined {
  if (sentAtMs < nowMs - skewMsMax) return 'from_the_past'
  return sentAtMs > nowMs + skewMsMax ? 'from_the_future' : undefined
}

/** The message: `[body, signature]` in DAG-CBOR, the signature being over cluster name and body. */
export function encodeHeartbeat(beat: Heartbeat, clusterName: string, identity: Identity): Uint8Array {
  const { hello, ...rest } = beat
  const { missed, isLeaving, ...always } = rest
  const body: Body = {
    ...always,
    ...(missed === undefined ? {} : { missed: [...missed] }),
    ...(isLeaving ? { isLeaving } : {}),
    version: VERSION,
    peername: hello.peername.slice(0, PEERNAME_MAX),
    ipfsId: hello.ipfsId ?? null,
    ipfsAddresses: hello.ipfsAddresses.filter(({ length }) => length <= ADDRESS_MAX).slice(0, ADDRESSES_MAX),
    measures: beat.measures.map(measure => ({ ...measure, isValid: true })),
  }
  const bytes = encode(body)
  return encode([bytes, identity.sign(signedPart(bytes, clusterName))])
}

/** The heartbeat in a message that the network says is from `from`, or why it is none. */
export function decodeHeartbeat(message: Uint8Array, from: PeerId, clusterName: string): Heartbeat | Refusal {
  if (message.length > HEARTBEAT_BYTES_MAX) return 'too_large'
  const envelope = decoded(message)
  if (!Array.isArray(envelope) || envelope.length !== 2) return 'malformed'
  const [bytes, signature]: unknown[] = envelope
  if (!(bytes instanceof Uint8Array && signature instanceof Uint8Array)) return 'malformed'
  const body = decoded(bytes)
  if (!Check(bodySchema, body)) return 'malformed'
  if (body.peer !== from) return 'not_its_own'
  if (!isSignedBy(from, signedPart(bytes, clusterName), signature)) return 'bad_signature'
  if (!isSensible(body)) return 'absurd'
  const { peername, ipfsId, ipfsAddresses, peer, boot, sequence, sentAtMs, intervalMs, measures } = body
  const { missed, isLeaving = false } = body
  const hello = { peername, ipfsId: ipfsId ?? undefined, ipfsAddresses }
  return { peer, boot, sequence, sentAtMs, intervalMs, hello, measures, missed, isLeaving }
}

function isSensible(body: Body): boolean {
  const { sequence, sentAtMs, intervalMs, peername, ipfsId, ipfsAddresses, measures, missed = [] } = body
  const names = new Set(measures.map(({ name }) => name))
  return (
    Number.isSafeInteger(sequence) &&
    sequence >= 0 &&
    Number.isFinite(sentAtMs) &&
    isWithin(intervalMs, INTERVAL_MS_MIN, INTERVAL_MS_MAX) &&
    peername.length <= PEERNAME_MAX &&
    (ipfsId === null || isWithin(ipfsId.length, 1, 128)) &&
    ipfsAddresses.length <= ADDRESSES_MAX &&
    ipfsAddresses.every(({ length }) => length <= ADDRESS_MAX) &&
    missed.length <= MISSED_MAX &&
    missed.every(({ length }) => length <= 128) &&
    measures.length <= MEASURES_MAX &&
    names.size === measures.length &&
    // It stands for the heartbeat itself, and nobody gives himself more time than others.
    !names.has(PING) &&
    measures.every(isSensibleMeasure)
  )
}

function isSensibleMeasure({ name, value, weight, ttlMs }: Measure): boolean {
  const sign = QUANTITIES.get(name)
  return (
    isWithin(name.length, 1, 128) &&
    value.length <= 4096 &&
    isWithin(weight, -(2 ** 63), 2 ** 63) &&
    isWithin(ttlMs, 1, DAY_MS) &&
    (sign === undefined || (weight * sign >= 0 && Number(value) >= 0))
  )
}

/** False also for what is no number. */
function isWithin(value: number, min: number, max: number): boolean {
  return value >= min && value <= max
}

/** A signature is good for one cluster and for heartbeats only. */
function signedPart(body: Uint8Array, clusterName: string): Uint8Array {
  return concatBytes([Buffer.from(`pinfold heartbeat ${VERSION} ${clusterName}\n`), body])
}

/** Whatever the bytes say; undefined when they are not DAG-CBOR, which also knows no NaN and no infinity. */
function decoded(bytes: Uint8Array): unknown {
  try {
    return decode(bytes)
  } catch (thrown) {
    // Anything can come from the network: nested too deep, cut off, not canonical. It is counted by the caller.
    if (thrown instanceof Error) return undefined
    throw thrown
  }
}
