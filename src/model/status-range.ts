import { compareBytes } from '../lib/bytes.ts'
import type { Cid } from './cid.ts'
import { isAllocatedTo, type Pin } from './pin.ts'
import type { PinRange } from './pin-range.ts'

/** Which part of a listing of states to show. */
export interface Ranged {
  readonly range?: PinRange
}

/** Whether a CID with its entry is in the range; its limit does not count here. What has no entry has no name either. */
export function isInRange(cid: Cid, pin: Pin | undefined, range: PinRange): boolean {
  const { after, from, to } = range
  if (after !== undefined && compareBytes(cid.bytes, after.bytes) <= 0) return false
  if (from !== undefined && compareBytes(cid.bytes, from.bytes) < 0) return false
  if (to !== undefined && compareBytes(cid.bytes, to.bytes) >= 0) return false
  return pin === undefined ? !asksOfPin(range) : fitsPin(pin, range)
}

function asksOfPin({ types, namePrefix = '', metadata = {}, allocation, ...range }: PinRange): boolean {
  const isOfAge = range.writtenBeforeMs !== undefined || range.writtenSinceMs !== undefined
  const isSaid = types !== undefined || namePrefix !== '' || allocation !== undefined
  return isSaid || isOfAge || Object.keys(metadata).length > 0
}

function fitsPin(pin: Pin, range: PinRange): boolean {
  const { types, namePrefix = '', metadata = {}, allocation } = range
  const { writtenBeforeMs = Number.POSITIVE_INFINITY, writtenSinceMs = Number.NEGATIVE_INFINITY } = range
  return (
    types?.has(pin.type) !== false &&
    pin.name.startsWith(namePrefix) &&
    pin.timestampMs < writtenBeforeMs &&
    pin.timestampMs >= writtenSinceMs &&
    (allocation === undefined || isAllocatedTo(pin, allocation)) &&
    Object.entries(metadata).every(
      ([key, value]) => Object.hasOwn(pin.metadata, key) && pin.metadata[key] === value,
    )
  )
}
