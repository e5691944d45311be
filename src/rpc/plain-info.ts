import { ByteReader } from '../lib/byte-reader.ts'
import { ByteWriter } from '../lib/byte-writer.ts'
import { type Cid, cidFromBytes } from '../model/cid.ts'
import { type Pin, toPin } from '../model/pin.ts'
import { PIN_STATUSES, type PinInfo } from '../model/pin-status.ts'
import { refuse } from './wire.ts'

const CID_BYTES_MAX = 512
const TEXT_BYTES_MAX = 64 * 1024
const ALLOCATIONS_MAX = 10_000
/** What follows the state: nothing, or the entry. */
const NO_ENTRY = 0
const ENTRY = 1

/**
 * A state of which there is nothing unusual to tell, in bytes; undefined for any other. Nearly all lines of a listing are
 * such, and a map of twenty fields costs ten times as much to write and to read.
 *
 * CID · place of the status in `PIN_STATUSES` · milliseconds · whether the entry follows · its milliseconds,
 * name, replication min and max, allocations.
 */
export function plainInfoToBytes(info: PinInfo): Uint8Array | undefined {
  const { cid, status, timestampMs, error, attemptCount, isPriority, pin, ...more } = info
  const isUsual = error === '' && attemptCount === 0 && !isPriority && isWhole(timestampMs)
  if (!isUsual || Object.keys(more).length > 0) return undefined
  if (pin !== undefined && !isPlainPin(cid, pin)) return undefined
  const out = new ByteWriter().bytes(cid.bytes).uint(PIN_STATUSES.indexOf(status)).uint(timestampMs)
  if (pin === undefined) return out.uint(NO_ENTRY).finish()
  out.uint(ENTRY).uint(pin.timestampMs).text(pin.name).int(pin.replicationMin).int(pin.replicationMax)
  out.uint(pin.allocations.length)
  for (const peer of pin.allocations) out.text(peer)
  return out.finish()
}

/** The state that the bytes hold. Throws `INVALID_ARGUMENT`. */
export function plainInfoFromBytes(bytes: Uint8Array): PinInfo {
  const read = new ByteReader(bytes)
  // A copy: a view would keep the whole message in memory.
  const cid = cidFromBytes(read.bytes(CID_BYTES_MAX).slice())
  const status = PIN_STATUSES[read.uint(0xff)] ?? refuse('there is no such status')
  const timestampMs = read.uint()
  const pin = read.uint(ENTRY) === NO_ENTRY ? undefined : readPin(read, cid)
  read.end()
  return { cid, status, timestampMs, error: '', attemptCount: 0, isPriority: false, pin }
}

function isWhole(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0
}

function isPlainPin(cid: Cid, pin: Pin): boolean {
  return (
    pin.type === 'pin' &&
    pin.mode === 'recursive' &&
    pin.maxDepth === -1 &&
    pin.shardSizeBytes === 0 &&
    pin.expireAtMs === undefined &&
    pin.pinUpdate === undefined &&
    pin.reference === undefined &&
    pin.origins.length === 0 &&
    pin.userAllocations.length === 0 &&
    Object.keys(pin.metadata).length === 0 &&
    pin.allocations.length <= ALLOCATIONS_MAX &&
    isWhole(pin.timestampMs) &&
    pin.cid.equals(cid)
  )
}

function readPin(read: ByteReader, cid: Cid): Pin {
  const timestampMs = read.uint()
  const name = read.text(TEXT_BYTES_MAX)
  const replicationMin = read.int()
  const replicationMax = read.int()
  const allocations = Array.from({ length: read.uint(ALLOCATIONS_MAX) }, () => read.text(TEXT_BYTES_MAX))
  return toPin(cid, { allocations, timestampMs, name, replicationMin, replicationMax })
}
