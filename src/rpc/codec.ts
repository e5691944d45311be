import { decode, encode } from '@ipld/dag-cbor'
import { ClusterError, CODES, type Code, type ErrorDetails, messageOf } from '../errors.ts'
import type { Block, Procedures } from '../interfaces.ts'
import type { Cid } from '../model/cid.ts'
import type { PeerSight } from '../model/graph.ts'
import { PEER_CONDITIONS } from '../model/peer-health.ts'
import { ownLeftCodec, rebalanceInputCodec, rebalanceStatusCodec } from './care-codec.ts'
import { holdsInputCodec, holdsOutputCodec, noRoomInputCodec, noRoomOutputCodec } from './holds-codec.ts'
import { summaryCodec, whyCodec } from './insight-codec.ts'
import { peerInfoCodec, peerPinsetCodec } from './peer-codec.ts'
import { pinInfoCodec } from './pin-codec.ts'
import { listingCodec, recoveringCodec } from './range-codec.ts'
import { type Codec, entriesOf, Fields, refuse, withoutUndefined } from './wire.ts'

const MESSAGE_TEXT_MAX = 4096
/**
 * Largest first message of a call: a name and a CID or a few words. It is read before it is known whether the caller may
 * call at all, and what is read may take fifty times as much memory.
 */
export const CALL_BYTES_MAX = 64 * 1024
/** Largest message of an answer: a group of outputs, or one long one. It may come from a peer that is not trusted. */
export const ANSWER_BYTES_MAX = 1024 * 1024
const DETAILS_MAX = 32

type Input<Name extends keyof Procedures> = Procedures[Name]['input']
type Output<Name extends keyof Procedures> = Procedures[Name]['output']

/** How a procedure's values travel. A streamed input follows the call item by item. */
export interface ProcedureCodec<Name extends keyof Procedures> {
  readonly input: Input<Name> extends AsyncIterable<infer Item>
    ? { readonly kind: 'stream'; readonly items: Codec<Item> }
    : { readonly kind: 'value'; readonly value: Codec<Input<Name>> }
  readonly output: Codec<Output<Name>>
}

const nothing: Codec<undefined> = { toWire: () => null, fromWire: () => undefined }

const cidInput: Codec<{ readonly cid: Cid }> = {
  toWire: ({ cid }) => ({ cid }),
  fromWire: wire => ({ cid: new Fields(wire, 'input').cid('cid') }),
}

const blockCodec: Codec<Block> = {
  toWire: ({ cid, bytes }) => ({ cid, bytes }),
  fromWire: wire => {
    const fields = new Fields(wire, 'block')
    return { cid: fields.cid('cid'), bytes: fields.bytes('bytes') }
  },
}

const gcCodec: Codec<Output<'gc'>> = {
  toWire: ({ cid, error }) => withoutUndefined({ cid, error }),
  fromWire: wire => {
    const fields = new Fields(wire, 'gc result')
    return {
      ...(fields.has('cid') ? { cid: fields.cid('cid') } : {}),
      ...(fields.has('error') ? { error: fields.text('error') } : {}),
    }
  },
}

const linksCodec: Codec<Output<'links'>> = {
  toWire: ({ cluster, ipfs, seen }) =>
    withoutUndefined({
      cluster: [...cluster],
      ipfs: ipfs && [...ipfs],
      seen: seen.map(sight => withoutUndefined({ ...sight })),
    }),
  fromWire: wire => {
    const fields = new Fields(wire, 'links')
    return {
      cluster: fields.texts('cluster'),
      ipfs: fields.optional('ipfs', key => fields.texts(key)),
      seen: fields.optional('seen', key => fields.list(key, sightFromWire)) ?? [],
    }
  },
}

function sightFromWire(wire: unknown, what: string): PeerSight {
  const fields = new Fields(wire, what)
  return {
    peer: fields.text('peer'),
    condition: fields.oneOf('condition', PEER_CONDITIONS),
    phi: fields.number('phi'),
    isTrusted: fields.flag('isTrusted'),
    latencyMs: fields.optional('latencyMs', key => fields.number(key)),
  }
}

const repoStatCodec: Codec<Output<'repoStat'>> = {
  toWire: ({ sizeBytes, storageMaxBytes }) => ({ sizeBytes, storageMaxBytes }),
  fromWire: wire => {
    const fields = new Fields(wire, 'repo stat')
    return { sizeBytes: fields.count('sizeBytes'), storageMaxBytes: fields.count('storageMaxBytes') }
  },
}

const blocksCodec: Codec<Output<'putBlocks'>> = {
  toWire: ({ blocks }) => ({ blocks }),
  fromWire: wire => ({ blocks: new Fields(wire, 'output').count('blocks') }),
}

/** The codec of every procedure. */
export const CODECS: { readonly [Name in keyof Procedures]: ProcedureCodec<Name> } = {
  id: { input: { kind: 'value', value: nothing }, output: peerInfoCodec },
  status: { input: { kind: 'value', value: cidInput }, output: pinInfoCodec },
  statuses: { input: { kind: 'value', value: listingCodec }, output: pinInfoCodec },
  holds: { input: { kind: 'value', value: holdsInputCodec }, output: holdsOutputCodec },
  noRoom: { input: { kind: 'value', value: noRoomInputCodec }, output: noRoomOutputCodec },
  recover: { input: { kind: 'value', value: cidInput }, output: pinInfoCodec },
  recoverAll: { input: { kind: 'value', value: recoveringCodec }, output: pinInfoCodec },
  summary: { input: { kind: 'value', value: nothing }, output: summaryCodec },
  why: { input: { kind: 'value', value: cidInput }, output: whyCodec },
  gc: { input: { kind: 'value', value: nothing }, output: gcCodec },
  links: { input: { kind: 'value', value: nothing }, output: linksCodec },
  pinset: { input: { kind: 'value', value: nothing }, output: peerPinsetCodec },
  repoStat: { input: { kind: 'value', value: nothing }, output: repoStatCodec },
  left: { input: { kind: 'value', value: nothing }, output: ownLeftCodec },
  rebalance: { input: { kind: 'value', value: rebalanceInputCodec }, output: rebalanceStatusCodec },
  putBlocks: { input: { kind: 'stream', items: blockCodec }, output: blocksCodec },
}

/** The first message of a call. */
export interface Call {
  readonly name: string
  readonly input: unknown
}

/** A message of the answer: some outputs (each in bytes), the error that ends it, or a sign of life. */
export type Answer =
  | { readonly kind: 'outputs'; readonly outputs: readonly Uint8Array[] }
  | { readonly kind: 'error'; readonly error: ClusterError }
  | { readonly kind: 'alive' }

/** A value as bytes. */
export function toBytes(wire: unknown): Uint8Array {
  return encode(wire)
}

/** The value of bytes. Throws `INVALID_ARGUMENT` when they are not dag-cbor. */
export function fromBytes(bytes: Uint8Array): unknown {
  try {
    return decode(bytes)
  } catch (cause) {
    throw new ClusterError(
      'INVALID_ARGUMENT',
      `a message of another peer is not dag-cbor: ${messageOf(cause)}`,
      {
        cause,
      },
    )
  }
}

/** The first message of a call, as bytes. */
export function callToBytes(call: Call): Uint8Array {
  return toBytes({ call: call.name, input: call.input })
}

/** The call that the bytes hold; its input is still to be read. Throws `INVALID_ARGUMENT`, `TOO_LARGE`. */
export function callFromBytes(bytes: Uint8Array): Call {
  checkSize('a call', bytes, CALL_BYTES_MAX)
  const fields = new Fields(fromBytes(bytes), 'call')
  return { name: fields.text('call'), input: fields.raw('input') }
}

/** One message of an answer, as bytes. */
export function answerToBytes(answer: Answer): Uint8Array {
  if (answer.kind === 'outputs') return toBytes({ outputs: answer.outputs })
  if (answer.kind === 'alive') return toBytes({ alive: true })
  return toBytes({ error: errorToWire(answer.error) })
}

/** An error as the other peer is told of it. */
export function errorToWire({ code, message, details }: ClusterError): unknown {
  return { code, message: message.slice(0, MESSAGE_TEXT_MAX), details }
}

/** The message of an answer that the bytes hold; an output is still to be read. Throws `INVALID_ARGUMENT`, `TOO_LARGE`. */
export function answerFromBytes(bytes: Uint8Array): Answer {
  checkSize('an answer', bytes, ANSWER_BYTES_MAX)
  const fields = new Fields(fromBytes(bytes), 'answer')
  if (fields.has('outputs')) return { kind: 'outputs', outputs: fields.list('outputs', asBytes) }
  if (fields.has('error')) return { kind: 'error', error: errorFromWire(fields.nested('error')) }
  if (fields.has('alive')) return { kind: 'alive' }
  return refuse('an answer has neither outputs nor an error')
}

/** Throws `TOO_LARGE` for a message that no honest peer sends. */
export function checkSize(what: string, { length }: Uint8Array, max: number): void {
  if (length > max)
    throw new ClusterError('TOO_LARGE', `${what} of ${length} bytes exceeds the limit of ${max}`)
}

function asBytes(wire: unknown, what: string): Uint8Array {
  return wire instanceof Uint8Array ? wire : refuse(`${what} is not bytes`)
}

/** The error that the other peer threw: same code, same message, same details. */
export function errorFromWire(fields: Fields): ClusterError {
  const code = fields.text('code')
  const known: Code = isCode(code) ? code : 'INTERNAL'
  return new ClusterError(known, fields.text('message').slice(0, MESSAGE_TEXT_MAX), {
    details: detailsFrom(fields.raw('details')),
  })
}

function isCode(text: string): text is Code {
  return Object.hasOwn(CODES, text)
}

function detailsFrom(wire: unknown): ErrorDetails {
  if (wire === undefined) return {}
  const kept = entriesOf(wire, 'error.details').filter(
    (entry): entry is readonly [string, string | number | boolean] =>
      typeof entry[1] === 'string' || typeof entry[1] === 'number' || typeof entry[1] === 'boolean',
  )
  return Object.fromEntries(kept.slice(0, DETAILS_MAX))
}
