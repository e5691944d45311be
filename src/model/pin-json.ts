import { ClusterError } from '../errors.ts'
import {
  choiceSchema,
  dictionarySchema,
  integerSchema,
  listSchema,
  nullableSchema,
  objectSchema,
  textSchema,
  type ValueOf,
} from '../lib/json-schema.ts'
import { formatCid, parseCid } from './cid.ts'
import { parsePeerId } from './peer.ts'
import { PIN_TYPES, type Pin } from './pin.ts'
import { formatTime, parseTime } from './time-json.ts'

/** JSON of an entry of the pinset: the answer to pinning and unpinning, a line of a listing and of a state export. */
export const pinJsonSchema = objectSchema({
  replication_factor_min: integerSchema,
  replication_factor_max: integerSchema,
  name: textSchema(),
  mode: choiceSchema(['recursive', 'direct']),
  shard_size: integerSchema,
  user_allocations: nullableSchema(listSchema(textSchema('peer id'))),
  expire_at: textSchema('RFC 3339; 0001-01-01T00:00:00Z = never'),
  metadata: nullableSchema(dictionarySchema(textSchema())),
  pin_update: nullableSchema(textSchema('CID')),
  origins: nullableSchema(listSchema(textSchema('multiaddr'))),
  cid: textSchema('CID'),
  type: choiceSchema(PIN_TYPES),
  allocations: nullableSchema(listSchema(textSchema('peer id'))),
  max_depth: integerSchema,
  reference: nullableSchema(textSchema('CID')),
  timestamp: textSchema('RFC 3339'),
})
/** JSON of an entry of the pinset. */
export type PinJson = ValueOf<typeof pinJsonSchema>

/** JSON of a pin as the pinset has it: `metadata` null when empty, `origins` a list. */
export function toPinJson(pin: Pin): PinJson {
  return {
    replication_factor_min: pin.replicationMin,
    replication_factor_max: pin.replicationMax,
    name: pin.name,
    mode: pin.mode,
    shard_size: pin.shardSizeBytes,
    user_allocations: pin.userAllocations.length === 0 ? null : pin.userAllocations,
    expire_at: formatTime(pin.expireAtMs),
    metadata: toMetadataJson(pin.metadata),
    pin_update: pin.pinUpdate === undefined ? null : formatCid(pin.pinUpdate),
    origins: pin.origins,
    cid: formatCid(pin.cid),
    type: pin.type,
    allocations: pin.allocations,
    max_depth: pin.maxDepth,
    reference: pin.reference === undefined ? null : formatCid(pin.reference),
    timestamp: formatTime(pin.timestampMs),
  }
}

/** JSON of a pin as it was just submitted: `metadata` an object, `origins` null when empty. */
export function toSubmittedPinJson(pin: Pin): PinJson {
  const stored = toPinJson(pin)
  return {
    ...stored,
    metadata: stored.metadata ?? {},
    origins: pin.origins.length === 0 ? null : pin.origins,
  }
}

/** Metadata with its keys in order; null when there is none. */
export function toMetadataJson(
  metadata: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> | null {
  const entries = Object.entries(metadata)
  if (entries.length === 0) return null
  return entries.length === 1 ? metadata : Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)))
}

/**
 * The pin of a JSON value, for instance a line of a state export. Members that are missing or null take the value of a
 * plain recursive pin; unknown members are passed over. Throws `INVALID_ARGUMENT` naming the member that is wrong.
 */
export function parsePinJson(json: unknown): Pin {
  const member = membersOf(json)
  const cid = parseCid(textOf(member, 'cid'))
  const maxDepth = integerOf(member, 'max_depth', textOf(member, 'mode') === 'direct' ? 0 : -1)
  const reference = textOf(member, 'reference')
  const pinUpdate = textOf(member, 'pin_update')
  const expireAt = textOf(member, 'expire_at')
  const timestamp = textOf(member, 'timestamp')
  return {
    cid,
    type: typeOf(textOf(member, 'type')),
    name: textOf(member, 'name'),
    mode: maxDepth === 0 ? 'direct' : 'recursive',
    maxDepth,
    replicationMin: integerOf(member, 'replication_factor_min', 0),
    replicationMax: integerOf(member, 'replication_factor_max', 0),
    shardSizeBytes: integerOf(member, 'shard_size', 0),
    userAllocations: [],
    expireAtMs: expireAt === '' ? undefined : parseTime(expireAt),
    metadata: metadataOf(member['metadata']),
    pinUpdate: pinUpdate === '' ? undefined : parseCid(pinUpdate),
    origins: textsOf(member, 'origins'),
    allocations: textsOf(member, 'allocations').map(parsePeerId),
    reference: reference === '' ? undefined : parseCid(reference),
    timestampMs: timestamp === '' ? 0 : (parseTime(timestamp) ?? 0),
  }
}

type Members = Readonly<Record<string, unknown>>

function refuse(what: string): never {
  throw new ClusterError('INVALID_ARGUMENT', `not a pin: ${what}`)
}

function membersOf(json: unknown): Members {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) refuse('it is not a JSON object')
  return json as Members
}

function textOf(members: Members, name: string): string {
  const value = members[name] ?? ''
  return typeof value === 'string' ? value : refuse(`"${name}" is not a text`)
}

function integerOf(members: Members, name: string, otherwise: number): number {
  const value = members[name] ?? otherwise
  return typeof value === 'number' && Number.isSafeInteger(value)
    ? value
    : refuse(`"${name}" is not an integer`)
}

function textsOf(members: Members, name: string): readonly string[] {
  const value = members[name] ?? []
  const isTexts = Array.isArray(value) && value.every(item => typeof item === 'string')
  return isTexts ? value : refuse(`"${name}" is not a list of texts`)
}

function metadataOf(value: unknown): Readonly<Record<string, string>> {
  const entries = Object.entries(membersOf(value ?? {}))
  const isTexts = entries.every((entry): entry is [string, string] => typeof entry[1] === 'string')
  return isTexts ? Object.fromEntries(entries) : refuse('"metadata" has values that are not texts')
}

function typeOf(text: string): Pin['type'] {
  if (text === '') return 'pin'
  return PIN_TYPES.find(type => type === text) ?? refuse(`"${text.slice(0, 100)}" is no type of pin`)
}
