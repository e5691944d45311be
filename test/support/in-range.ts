import type { PinRange } from '../../src/interfaces.ts'
import { compareBytes } from '../../src/lib/bytes.ts'
import { isAllocatedTo, type Pin } from '../../src/model/pin.ts'

/** The pins of a range in order, found the plain way: every pin is looked at. */
export function inRange(pins: Iterable<Pin>, range: PinRange): readonly Pin[] {
  const { after, from, to, limit, types, namePrefix = '', metadata = {}, allocation } = range
  const { writtenBeforeMs, writtenSinceMs, expiresBeforeMs } = range
  return [...pins]
    .sort((a, b) => compareBytes(a.cid.bytes, b.cid.bytes))
    .filter(
      pin =>
        (after === undefined || compareBytes(pin.cid.bytes, after.bytes) > 0) &&
        (from === undefined || compareBytes(pin.cid.bytes, from.bytes) >= 0) &&
        (to === undefined || compareBytes(pin.cid.bytes, to.bytes) < 0) &&
        (types === undefined ? pin.type !== 'request' && pin.type !== 'peer-mark' : types.has(pin.type)) &&
        pin.name.startsWith(namePrefix) &&
        Object.entries(metadata).every(
          ([key, value]) => new Map(Object.entries(pin.metadata)).get(key) === value,
        ) &&
        (allocation === undefined || isAllocatedTo(pin, allocation)) &&
        (writtenBeforeMs === undefined || pin.timestampMs < writtenBeforeMs) &&
        (writtenSinceMs === undefined || pin.timestampMs >= writtenSinceMs) &&
        (expiresBeforeMs === undefined || (pin.expireAtMs ?? Number.POSITIVE_INFINITY) < expiresBeforeMs),
    )
    .slice(0, limit)
}
