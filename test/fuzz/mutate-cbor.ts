import { decode, encode } from '@ipld/dag-cbor'
import { numberedCid } from '../support/numbered-cid.ts'
import type { Mutator } from './mutate.ts'

/** Values at which readers break, each of which dag-cbor can carry. */
const VALUES: readonly unknown[] = [
  null,
  true,
  false,
  0,
  -1,
  1.5,
  2 ** 31,
  2 ** 53 - 1,
  -(2 ** 53 - 1),
  1e300,
  2n ** 63n,
  '',
  'text',
  '__proto__',
  'constructor',
  'x'.repeat(70_000),
  new Uint8Array(),
  new Uint8Array(5000),
  [],
  [[[[[[]]]]]],
  {},
  { length: 3 },
  numberedCid(7),
  Array.from({ length: 2000 }, () => null),
]
const KEYS = ['__proto__', 'toString', 'cid', 'call', 'error', 'outputs', 'details', 'peer', '']

/** The same message with one value, key or item of it changed, wherever it is nested. Bytes that are no dag-cbor stay. */
export function mutateCbor(bytes: Uint8Array, mutator: Mutator): Uint8Array {
  return encode(changed(decode(bytes), mutator))
}

function changed(value: unknown, mutator: Mutator): unknown {
  if (mutator.chance(0.15)) return mutator.pick(VALUES)
  if (value instanceof Uint8Array) return changedBytes(value, mutator)
  if (Array.isArray(value)) {
    const at = mutator.below(value.length + 1)
    if (at === value.length || mutator.chance(0.2))
      return value.toSpliced(
        at,
        mutator.below(2),
        ...Array.from({ length: mutator.below(3) }, () => mutator.pick(VALUES)),
      )
    return value.with(at, changed(value[at], mutator))
  }
  const isMap =
    typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype
  if (!isMap) return mutator.pick(VALUES)
  const entries = Object.entries(value)
  const at = mutator.below(entries.length + 1)
  const [key = '', inner] = entries[at] ?? []
  if (at === entries.length || mutator.chance(0.1)) entries.push([mutator.pick(KEYS), mutator.pick(VALUES)])
  else if (mutator.chance(0.15)) entries.splice(at, 1)
  else entries[at] = [key, changed(inner, mutator)]
  return Object.fromEntries(entries)
}

/** Bytes often hold a message of their own. */
function changedBytes(bytes: Uint8Array, mutator: Mutator): Uint8Array {
  if (mutator.chance(0.3)) return mutator.bytes(bytes)
  try {
    return mutateCbor(bytes, mutator)
  } catch (thrown) {
    if (!(thrown instanceof Error)) throw thrown
    return mutator.bytes(bytes)
  }
}
