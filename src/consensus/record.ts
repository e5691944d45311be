import { base58btc } from 'multiformats/bases/base58'
import { ClusterError } from '../errors.ts'
import { ByteReader } from '../lib/byte-reader.ts'
import { ByteWriter } from '../lib/byte-writer.ts'
import { fromKey, toKey } from '../lib/bytes.ts'
import { remembered } from '../lib/remembered.ts'
import { type Cid, cidFromBytes } from '../model/cid.ts'
import { type PeerId, peerIdBytes } from '../model/peer.ts'
import { modeOf, PIN_BOUNDS, PIN_TYPES, type Pin, type PinType } from '../model/pin.ts'
import type { HlcTime } from './hlc.ts'

/**
 * A pin in bytes, as it is stored and sent. Format 1, all numbers LEB128 unless said otherwise:
 * format (1 byte) · time (6 bytes milliseconds, 2 bytes counter, big endian) · type · depth (zigzag) · replication min and
 * max (zigzag) · seconds of writing · which optional fields follow (bits) · those fields, in the order of `OPTIONAL`.
 */
export interface PinRecord {
  readonly time: HlcTime
  readonly pin: Pin
}

const FORMAT = 1
/** Bits of the fields that not every pin has. */
export const OPTIONAL = {
  name: 1,
  allocations: 2,
  shardSize: 4,
  expiry: 8,
  metadata: 16,
  update: 32,
  origins: 64,
  reference: 128,
} as const
/** Bound of a peer id in a record. */
export const PEER_ID_BYTES_MAX = 128
const CID_BYTES_MAX = 512

const PEERS_KEPT_MAX = 8192
const peerToBytes = remembered(peerIdBytes, PEERS_KEPT_MAX)
const peerOfKey = remembered((key: string): PeerId => base58btc.baseEncode(fromKey(key)), PEERS_KEPT_MAX)

/** A pin in bytes, without its CID. */
export function encodeRecord({ time, pin }: PinRecord): Uint8Array {
  const out = new ByteWriter()
  out.byte(FORMAT).raw(encodeTime(time)).byte(PIN_TYPES.indexOf(pin.type))
  out
    .int(pin.maxDepth)
    .int(pin.replicationMin)
    .int(pin.replicationMax)
    .uint(Math.floor(pin.timestampMs / 1000))
  const metadata = Object.entries(pin.metadata).sort(([a], [b]) => (a < b ? -1 : 1))
  out.uint(
    (pin.name === '' ? 0 : OPTIONAL.name) |
      (pin.allocations.length === 0 ? 0 : OPTIONAL.allocations) |
      (pin.shardSizeBytes === 0 ? 0 : OPTIONAL.shardSize) |
      (pin.expireAtMs === undefined ? 0 : OPTIONAL.expiry) |
      (metadata.length === 0 ? 0 : OPTIONAL.metadata) |
      (pin.pinUpdate === undefined ? 0 : OPTIONAL.update) |
      (pin.origins.length === 0 ? 0 : OPTIONAL.origins) |
      (pin.reference === undefined ? 0 : OPTIONAL.reference),
  )
  if (pin.name !== '') out.text(pin.name)
  if (pin.allocations.length > 0) {
    out.uint(pin.allocations.length)
    for (const peer of pin.allocations) out.bytes(peerToBytes(peer))
  }
  if (pin.shardSizeBytes !== 0) out.uint(pin.shardSizeBytes)
  if (pin.expireAtMs !== undefined) out.uint(Math.floor(pin.expireAtMs / 1000))
  if (metadata.length > 0) {
    out.uint(metadata.length)
    for (const [key, value] of metadata) out.text(key).text(value)
  }
  if (pin.pinUpdate !== undefined) out.bytes(pin.pinUpdate.bytes)
  if (pin.origins.length > 0) {
    out.uint(pin.origins.length)
    for (const origin of pin.origins) out.text(origin)
  }
  if (pin.reference !== undefined) out.bytes(pin.reference.bytes)
  return out.finish()
}

/** The time of a record, read without the rest. */
export function timeOfRecord(record: Uint8Array): HlcTime {
  checkFormat(record)
  return decodeTime(record.subarray(1, 9))
}

/** Throws when a record is too short or of another format. */
export function checkFormat(record: Uint8Array): void {
  if (record.length < 10) throw new ClusterError('INVALID_ARGUMENT', 'an entry of the pinset is cut')
  if (record[0] !== FORMAT)
    throw new ClusterError(
      'STORE_VERSION',
      `a pin is stored in format ${record[0]}, this program knows ${FORMAT}`,
    )
}

/** A record read back. Throws `INVALID_ARGUMENT` for damaged bytes, `STORE_VERSION` for a newer format. */
export function decodeRecord(cid: Cid, record: Uint8Array): PinRecord {
  return { time: timeOfRecord(record), pin: decodePin(cid, record) }
}

/** The pin of a record, without its time. */
export function decodePin(cid: Cid, record: Uint8Array): Pin {
  checkFormat(record)
  const input = new ByteReader(record)
  input.skip(9)
  const type = typeAt(input.byte())
  const maxDepth = input.int()
  const replicationMin = input.int()
  const replicationMax = input.int()
  const timestampMs = input.uint() * 1000
  const has = input.uint(0xff)
  const pin: Pin = {
    cid,
    type,
    maxDepth,
    mode: modeOf({ maxDepth }),
    replicationMin,
    replicationMax,
    timestampMs,
    userAllocations: [],
    name: has & OPTIONAL.name ? input.text(PIN_BOUNDS.nameBytes) : '',
    allocations: has & OPTIONAL.allocations ? list(input, PIN_BOUNDS.allocations, readPeer) : [],
    shardSizeBytes: has & OPTIONAL.shardSize ? input.uint() : 0,
    expireAtMs: has & OPTIONAL.expiry ? input.uint() * 1000 : undefined,
    metadata:
      has & OPTIONAL.metadata ? Object.fromEntries(list(input, PIN_BOUNDS.metadataEntries, readPair)) : {},
    pinUpdate: has & OPTIONAL.update ? cidFromBytes(input.bytes(CID_BYTES_MAX)) : undefined,
    origins: has & OPTIONAL.origins ? list(input, PIN_BOUNDS.origins, readOrigin) : [],
    reference: has & OPTIONAL.reference ? cidFromBytes(input.bytes(CID_BYTES_MAX)) : undefined,
  }
  input.end()
  return pin
}

function list<Entry>(input: ByteReader, max: number, read: (input: ByteReader) => Entry): Entry[] {
  const entries: Entry[] = []
  for (let left = input.uint(max); left > 0; left--) entries.push(read(input))
  return entries
}

const readPeer = (input: ByteReader) => peerOfKey(toKey(input.bytes(PEER_ID_BYTES_MAX)))
const readOrigin = (input: ByteReader) => input.text(PIN_BOUNDS.nameBytes)
const readPair = (input: ByteReader): [string, string] => [
  input.text(PIN_BOUNDS.metadataBytes),
  input.text(PIN_BOUNDS.metadataBytes),
]

function typeAt(index: number): PinType {
  const type = PIN_TYPES[index]
  if (type === undefined) throw new ClusterError('INVALID_ARGUMENT', `there is no pin type ${index}`)
  return type
}

/** 8 bytes whose byte order is the order of times. */
export function encodeTime(time: HlcTime): Uint8Array {
  const bytes = Buffer.alloc(8)
  bytes.writeUIntBE(time.ms, 0, 6)
  bytes.writeUInt16BE(time.count, 6)
  return bytes
}

/** The time in 8 bytes. */
export function decodeTime(bytes: Uint8Array): HlcTime {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return { ms: buffer.readUIntBE(0, 6), count: buffer.readUInt16BE(6) }
}

/** The value of an item in a partition's document: CID, then record. */
export function encodeItem(cid: Uint8Array, record: Uint8Array): Uint8Array {
  return new ByteWriter().bytes(cid).raw(record).finish()
}

/** The CID's bytes and the record in an item's value. Only the frame is checked. Throws `INVALID_ARGUMENT`. */
export function splitItem(value: Uint8Array): { readonly cid: Uint8Array; readonly record: Uint8Array } {
  const input = new ByteReader(value)
  const cid = input.bytes(CID_BYTES_MAX)
  const record = input.rest()
  if (record.length < 10) throw new ClusterError('INVALID_ARGUMENT', 'an entry of the pinset is cut')
  return { cid, record }
}
