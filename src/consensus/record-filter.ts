import type { PinRange } from '../interfaces.ts'
import { ByteReader } from '../lib/byte-reader.ts'
import { equalBytes, startsWith } from '../lib/bytes.ts'
import { peerIdBytes } from '../model/peer.ts'
import { PIN_BOUNDS, PIN_TYPES } from '../model/pin.ts'
import { checkFormat, OPTIONAL, PEER_ID_BYTES_MAX } from './record.ts'

/** What a record must say, in the bytes in which it would say so: nothing is decoded to compare. */
export interface RecordFilter {
  readonly types: ReadonlySet<number> | undefined
  readonly namePrefix: Uint8Array
  readonly allocation: Uint8Array | undefined
  readonly metadata: readonly Pair[]
  /** Unix milliseconds: written before the one, and not before the other. */
  readonly writtenBeforeMs: number
  readonly writtenSinceMs: number
  /** Unix milliseconds: expires before. */
  readonly expiresBeforeMs: number | undefined
}

type Pair = readonly [key: Uint8Array, value: Uint8Array]

const TYPE_AT = 9
const REQUEST = PIN_TYPES.indexOf('request')
const MARK = PIN_TYPES.indexOf('peer-mark')

/** What a range asks of each record; undefined when any will do. Throws `INVALID_ARGUMENT` for what is no peer id. */
export function toRecordFilter(range: PinRange): RecordFilter | undefined {
  const { types, namePrefix = '', allocation, metadata = {} } = range
  const { writtenBeforeMs = Number.POSITIVE_INFINITY, writtenSinceMs = Number.NEGATIVE_INFINITY } = range
  const pairs = Object.entries(metadata)
  const isOfAnyAge = range.writtenBeforeMs === undefined && range.writtenSinceMs === undefined
  if (
    types === undefined &&
    namePrefix === '' &&
    allocation === undefined &&
    pairs.length === 0 &&
    isOfAnyAge &&
    range.expiresBeforeMs === undefined
  )
    return undefined
  return {
    types: types === undefined ? undefined : new Set([...types].map(type => PIN_TYPES.indexOf(type))),
    namePrefix: Buffer.from(namePrefix),
    allocation: allocation === undefined ? undefined : peerIdBytes(allocation),
    metadata: pairs.map(([key, value]) => [Buffer.from(key), Buffer.from(value)]),
    writtenBeforeMs,
    writtenSinceMs,
    expiresBeforeMs: range.expiresBeforeMs,
  }
}

/** Whether a record fits. Builds no pin: reads up to what decides. Damage behind that shows in `decodeRecord` only. */
export function fitsRecord(record: Uint8Array, filter: RecordFilter): boolean {
  checkFormat(record)
  if (filter.types?.has(record[TYPE_AT] ?? -1) === false) return false
  const { namePrefix, allocation, metadata } = filter
  const isOnlyOfType =
    namePrefix.length === 0 &&
    allocation === undefined &&
    metadata.length === 0 &&
    filter.expiresBeforeMs === undefined
  if (isOnlyOfType && !asksForAge(filter)) return true
  const input = new ByteReader(record)
  input.skip(TYPE_AT + 1)
  input.int()
  const [replicationMin, replicationMax] = [input.int(), input.int()]
  const writtenMs = input.uint() * 1000
  if (writtenMs >= filter.writtenBeforeMs || writtenMs < filter.writtenSinceMs) return false
  if (isOnlyOfType) return true
  const has = input.uint(0xff)
  if (filter.expiresBeforeMs !== undefined && !(has & OPTIONAL.expiry)) return false
  const name = has & OPTIONAL.name ? input.bytes(PIN_BOUNDS.nameBytes) : NOTHING
  if (!startsWith(name, namePrefix)) return false
  const isKept = hasAllocation(input, has, allocation) || (replicationMin < 0 && replicationMax < 0)
  if (allocation !== undefined && !isKept) return false
  if (has & OPTIONAL.shardSize) input.uint()
  const expireAtMs = has & OPTIONAL.expiry ? input.uint() * 1000 : Number.POSITIVE_INFINITY
  if (filter.expiresBeforeMs !== undefined && expireAtMs >= filter.expiresBeforeMs) return false
  return metadata.length === 0 || hasMetadata(input, has, metadata)
}

function asksForAge({ writtenBeforeMs, writtenSinceMs }: RecordFilter): boolean {
  return writtenBeforeMs !== Number.POSITIVE_INFINITY || writtenSinceMs !== Number.NEGATIVE_INFINITY
}

/** Whether a record is a request's. */
export function isRequestRecord(record: Uint8Array): boolean {
  return record[TYPE_AT] === REQUEST
}

/** Whether a record says something of a peer. */
export function isMarkRecord(record: Uint8Array): boolean {
  return record[TYPE_AT] === MARK
}

const NOTHING = new Uint8Array()

/** Reads all of the allocations, since the metadata stands behind them. */
function hasAllocation(input: ByteReader, has: number, wanted: Uint8Array | undefined): boolean {
  if (!(has & OPTIONAL.allocations)) return false
  let isThere = false
  for (let left = input.uint(PIN_BOUNDS.allocations); left > 0; left--) {
    const peer = input.bytes(PEER_ID_BYTES_MAX)
    isThere ||= wanted !== undefined && equalBytes(peer, wanted)
  }
  return isThere
}

function hasMetadata(input: ByteReader, has: number, wanted: readonly Pair[]): boolean {
  if (!(has & OPTIONAL.metadata)) return false
  let found = 0
  for (let left = input.uint(PIN_BOUNDS.metadataEntries); left > 0; left--) {
    const key = input.bytes(PIN_BOUNDS.metadataBytes)
    const value = input.bytes(PIN_BOUNDS.metadataBytes)
    // Keys differ from one another, so that as many as are wanted are all of them.
    if (wanted.some(pair => equalBytes(pair[0], key) && equalBytes(pair[1], value))) found++
  }
  return found === wanted.length
}
