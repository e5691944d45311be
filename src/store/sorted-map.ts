import type { KeyRange, StoreWrite } from '../interfaces.ts'
import { compareBytes } from '../lib/bytes.ts'

type Entry = readonly [key: Uint8Array, value: Uint8Array]
type Leaf = readonly Entry[]

/** A leaf splits when it outgrows this many entries. */
const LEAF_ENTRIES_MAX = 256

/**
 * An immutable map of byte strings, in order of keys. A changed map shares all but the touched leaves with the one it
 * was made from, so that a snapshot costs nothing. Leaves hold up to 256 entries: a write copies one leaf and the list
 * of leaves, a read is two binary searches.
 */
export class SortedMap {
  static readonly empty = new SortedMap([])

  readonly #leaves: readonly Leaf[]

  private constructor(leaves: readonly Leaf[]) {
    this.#leaves = leaves
  }

  /** The value of a key. */
  get(key: Uint8Array): Uint8Array | undefined {
    const leaf = this.#leaves[this.#leafAt(key)]
    if (leaf === undefined) return undefined
    const entry = leaf[lowerBound(leaf, key)]
    return entry !== undefined && compareBytes(entry[0], key) === 0 ? entry[1] : undefined
  }

  /** This map with the writes applied in order. */
  with(writes: readonly StoreWrite[]): SortedMap {
    const leaves = [...this.#leaves]
    for (const write of writes) applyTo(leaves, write)
    return new SortedMap(leaves)
  }

  /** The entries of a range, in order or in reverse. */
  *entries(range: KeyRange): Iterable<Entry> {
    let left = range.limit ?? Number.POSITIVE_INFINITY
    for (const entry of range.reverse === true ? this.#backward(range) : this.#forward(range)) {
      if (left-- <= 0) return
      yield entry
    }
  }

  *#forward(range: KeyRange): Iterable<Entry> {
    const from = startOf(range)
    for (let at = from === undefined ? 0 : this.#leafAt(from); at < this.#leaves.length; at++) {
      for (const entry of this.#leaves[at] ?? []) {
        if (isBefore(range, entry[0])) continue
        if (isBehind(range, entry[0])) return
        yield entry
      }
    }
  }

  *#backward(range: KeyRange): Iterable<Entry> {
    for (let at = range.lt === undefined ? this.#leaves.length - 1 : this.#leafAt(range.lt); at >= 0; at--) {
      for (const entry of (this.#leaves[at] ?? []).toReversed()) {
        if (isBehind(range, entry[0])) continue
        if (isBefore(range, entry[0])) return
        yield entry
      }
    }
  }

  #leafAt(key: Uint8Array): number {
    return leafIndex(this.#leaves, key)
  }
}

function applyTo(leaves: Leaf[], { key, value }: StoreWrite): void {
  const at = leafIndex(leaves, key)
  const leaf = [...(leaves[at] ?? [])]
  const index = lowerBound(leaf, key)
  const found = leaf[index]
  const isThere = found !== undefined && compareBytes(found[0], key) === 0
  if (value === undefined && !isThere) return
  if (value === undefined) leaf.splice(index, 1)
  else leaf.splice(index, isThere ? 1 : 0, [key.slice(), value.slice()])
  if (leaf.length === 0) leaves.splice(at, 1)
  else if (leaf.length <= LEAF_ENTRIES_MAX) leaves[at] = leaf
  else leaves.splice(at, 1, leaf.slice(0, LEAF_ENTRIES_MAX / 2), leaf.slice(LEAF_ENTRIES_MAX / 2))
}

/** The last leaf that begins at or before the key, 0 when there is none. */
function leafIndex(leaves: readonly Leaf[], key: Uint8Array): number {
  let low = 0
  let high = leaves.length
  while (low < high) {
    const middle = (low + high) >>> 1
    const first = leaves[middle]?.[0]
    if (first !== undefined && compareBytes(first[0], key) <= 0) low = middle + 1
    else high = middle
  }
  return Math.max(0, low - 1)
}

/** Index of the first entry whose key is not less. */
function lowerBound(leaf: Leaf, key: Uint8Array): number {
  let low = 0
  let high = leaf.length
  while (low < high) {
    const middle = (low + high) >>> 1
    const entry = leaf[middle]
    if (entry !== undefined && compareBytes(entry[0], key) < 0) low = middle + 1
    else high = middle
  }
  return low
}

function startOf(range: KeyRange): Uint8Array | undefined {
  if (range.gte === undefined || range.gt === undefined) return range.gte ?? range.gt
  return compareBytes(range.gte, range.gt) > 0 ? range.gte : range.gt
}

function isBefore(range: KeyRange, key: Uint8Array): boolean {
  return (
    (range.gte !== undefined && compareBytes(key, range.gte) < 0) ||
    (range.gt !== undefined && compareBytes(key, range.gt) <= 0)
  )
}

function isBehind(range: KeyRange, key: Uint8Array): boolean {
  return range.lt !== undefined && compareBytes(key, range.lt) >= 0
}
