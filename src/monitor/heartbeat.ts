import { decode, encode } from '@ipld/dag-cbor'
import { type Static, Type } from 'typebox'
import { Check } from 'typebox/value'
import type { PeerHello } from '../interfaces.ts'
import { concatBytes } from '../lib/bytes.ts'
import { type Identity, isSignedBy } from '../model/identity.ts'
import type { Measure } from '../model/metric.ts'
import type { PeerId } from '../model/peer.ts'

/** The largest heartbeat that is sent, or looked into. */
export const HEARTBEAT_BYTES_MAX = 65_536
/** The most measures of one peer. */
export const MEASURES_MAX = 64
const VERSION = 1
const DAY_MS = 86_400_000

const measureSchema = Type.Object({
  name: Type.String({ minLength: 1, maxLength: 128 }),
  value: Type.String({ maxLength: 4096 }),
  weight: Type.Number({ minimum: -(2 ** 63), maximum: 2 ** 63 }),
  isPartitionable: Type.Boolean(),
  isValid: Type.Literal(true),
  ttlMs: Type.Number({ minimum: 1, maximum: DAY_MS }),
})
const bodySchema = Type.Object({
  version: Type.Literal(VERSION),
  peer: Type.String({ maxLength: 128 }),
  boot: Type.String({ minLength: 8, maxLength: 64 }),
  sequence: Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }),
  sentAtMs: Type.Number(),
  intervalMs: Type.Number({ minimum: 1, maximum: DAY_MS }),
  peername: Type.String({ maxLength: 1024 }),
  ipfsId: Type.Union([Type.String({ minLength: 1, maxLength: 128 }), Type.Null()]),
  ipfsAddresses: Type.Array(Type.String({ maxLength: 512 }), { maxItems: 64 }),
  measures: Type.Array(measureSchema, { maxItems: MEASURES_MAX }),
})

/** What a peer says of itself every few seconds. */
export interface Heartbeat {
  readonly peer: PeerId
  /** Chosen by chance when the peer starts. */
  readonly boot: string
  /** Rises with every heartbeat of a boot. */
  readonly sequence: number
  /** Unix milliseconds by the sender's clock; for people only. */
  readonly sentAtMs: number
  /** When the next one may be expected. */
  readonly intervalMs: number
  readonly hello: PeerHello
  readonly measures: readonly Measure[]
}

/** Why a message is no heartbeat: a word for the metrics. */
export type Refusal = 'too_large' | 'malformed' | 'not_its_own' | 'bad_signature'

/** Whether others will take the measure. */
export function isSendable(measure: Measure): boolean {
  return Check(measureSchema, measure) && Number.isFinite(measure.weight)
}

/** The message: `[body, signature]` in DAG-CBOR, the signature being over cluster name and body. */
export function encodeHeartbeat(beat: Heartbeat, clusterName: string, identity: Identity): Uint8Array {
  const { hello, ...rest } = beat
  const body: Static<typeof bodySchema> = {
    ...rest,
    version: VERSION,
    peername: hello.peername.slice(0, 1024),
    ipfsId: hello.ipfsId ?? null,
    ipfsAddresses: hello.ipfsAddresses.filter(address => address.length <= 512).slice(0, 64),
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
  const { peername, ipfsId, ipfsAddresses, peer, boot, sequence, sentAtMs, intervalMs, measures } = body
  const hello = { peername, ipfsId: ipfsId ?? undefined, ipfsAddresses }
  return { peer, boot, sequence, sentAtMs, intervalMs, hello, measures }
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
