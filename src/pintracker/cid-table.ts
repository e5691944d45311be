import type { Random } from '../lib/random.ts'
import type { Cid } from '../model/cid.ts'
import type { PinMode } from '../model/pin.ts'

/**
 * What a CID without an operation waits for. `changed`: to be looked at. `fresh`, `rest`: for a place in the window, with priority or
 * without. `again`: for the same, and it was tried before. `failed`: for the time to try it again; how it failed is forgotten.
 * `aside`: to be looked at, and its name is on disk.
 */
export type Wait = 'changed' | 'fresh' | 'rest' | 'again' | 'failed' | 'aside'

const TABLES = 256
const SLOTS_MIN = 16
/** The low bits of a slot: how IPFS holds the CID, the listing in which it was last seen, and what it waits for. */
const DIRECT = 1
const ROUND = 2
const HELD = 4
const WAIT_SHIFT = 3
const WAIT_MASK = 7 << WAIT_SHIFT
const FLAGS = DIRECT | ROUND | HELD | WAIT_MASK
const WAITS = [undefined, 'changed', 'fresh', 'rest', 'again', 'failed', 'aside'] as const

/**
 * What is known of CIDs, in 11 to 22 bytes each: which IPFS has pinned, and how, and which wait. 58 bits of a hash with a
 * secret seed, and six bits for that. Two of ten million CIDs are taken for one another with a probability of about 2·10⁻⁴
 * in all, two of a million of 2·10⁻⁶; by chance only, since nobody outside knows the seed. Then one pin that is missing in IPFS
 * would show as pinned, or as waiting.
 *
 * 256 small tables instead of a large one: growing one of them never holds up the event loop for long.
 */
export class CidTable {
  readonly #seeds: readonly [number, number]
  readonly #tables: Uint32Array[] = Array.from({ length: TABLES }, () => new Uint32Array(SLOTS_MIN * 2))
  readonly #sizes = new Uint32Array(TABLES)
  readonly #waitCounts = new Uint32Array(WAITS.length)
  #heldCount = 0
  #round = 0
  #hash: [number, number] = [0, 0]

  constructor(random: Random) {
    const view = new DataView(new Uint8Array(random.bytes(8)).buffer)
    this.#seeds = [view.getUint32(0), view.getUint32(4)]
  }

  /** How many CIDs IPFS has pinned. */
  get heldCount(): number {
    return this.#heldCount
  }

  /** How many wait for that. */
  waitingCount(wait: Wait): number {
    return this.#waitCounts[WAITS.indexOf(wait)] ?? 0
  }

  get sizeBytes(): number {
    return this.#tables.reduce((sum, table) => sum + table.byteLength, 0)
  }

  /** How IPFS has it pinned; undefined when it has not. */
  mode(cid: Cid): PinMode | undefined {
    const flags = this.#flags(cid)
    if ((flags & HELD) === 0) return undefined
    return (flags & DIRECT) === 0 ? 'recursive' : 'direct'
  }

  /** What it waits for; undefined when it does not. */
  wait(cid: Cid): Wait | undefined {
    return WAITS[(this.#flags(cid) & WAIT_MASK) >>> WAIT_SHIFT]
  }

  /** IPFS has it pinned. */
  add(cid: Cid, mode: PinMode): void {
    this.#change(cid, flags => (flags & WAIT_MASK) | HELD | (mode === 'direct' ? DIRECT : 0) | this.#round)
  }

  /** IPFS does not have it pinned. */
  delete(cid: Cid): void {
    this.#change(cid, flags => flags & WAIT_MASK)
  }

  setWait(cid: Cid, wait: Wait | undefined): void {
    this.#change(cid, flags => (flags & ~WAIT_MASK) | (WAITS.indexOf(wait) << WAIT_SHIFT))
  }

  /** From here on what is added counts as seen in the listing that begins. */
  beginListing(): void {
    this.#round ^= ROUND
  }

  /** The listing is whole: what it did not show is not pinned. */
  endListing(): void {
    this.#changeAll(flags =>
      (flags & HELD) !== 0 && (flags & ROUND) !== this.#round ? flags & ~(HELD | DIRECT) : flags,
    )
  }

  /** The listing broke off: what it did not show may be pinned all the same. */
  abandonListing(): void {
    for (const table of this.#tables) {
      for (let at = 0; at < table.length; at += 2) {
        if (!isEmpty(table, at)) table[at + 1] = (slotAt(table, at + 1) & ~ROUND) | this.#round
      }
    }
  }

  /** Nothing waits for that any more. */
  endWaits(wait: Wait): void {
    const bits = WAITS.indexOf(wait) << WAIT_SHIFT
    this.#changeAll(flags => ((flags & WAIT_MASK) === bits ? flags & ~WAIT_MASK : flags))
  }

  #flags(cid: Cid): number {
    const [high, low] = this.#fingerprint(cid)
    const table = this.#table(high)
    const at = find(table, high, low)
    return isEmpty(table, at) ? 0 : slotAt(table, at + 1) & FLAGS
  }

  #change(cid: Cid, toFlags: (flags: number) => number): void {
    const [high, low] = this.#fingerprint(cid)
    const number = high >>> 24
    let table = this.#table(high)
    let at = find(table, high, low)
    const isNew = isEmpty(table, at)
    const before = isNew ? 0 : slotAt(table, at + 1) & FLAGS
    const flags = toFlags(before)
    this.#count(before, -1)
    this.#count(flags, 1)
    const size = this.#sizes[number] ?? 0
    if ((flags & (HELD | WAIT_MASK)) === 0) {
      if (isNew) return
      this.#sizes[number] = size - 1
      return closeGap(table, at)
    }
    if (isNew) {
      if ((size + 1) * 2 > table.length * 0.75) {
        table = rehash(table, table.length * 2)
        this.#tables[number] = table
        at = find(table, high, low)
      }
      this.#sizes[number] = size + 1
    }
    table[at] = high
    table[at + 1] = low | flags
  }

  /** Changes what is known of every CID, and lets go of those of which nothing is. */
  #changeAll(toFlags: (flags: number) => number): void {
    this.#tables.forEach((table, number) => {
      let size = 0
      for (let at = 0; at < table.length; at += 2) {
        if (isEmpty(table, at)) continue
        const low = slotAt(table, at + 1)
        const before = low & FLAGS
        const flags = toFlags(before)
        this.#count(before, -1)
        this.#count(flags, 1)
        table[at + 1] = (low & ~FLAGS) | flags
        if (isOfUse(table, at)) size += 1
      }
      if (size === this.#sizes[number]) return
      let length = SLOTS_MIN * 2
      while (size * 2 > length * 0.5) length *= 2
      this.#tables[number] = rehash(table, length)
      this.#sizes[number] = size
    })
  }

  #count(flags: number, by: 1 | -1): void {
    if ((flags & HELD) !== 0) this.#heldCount += by
    const wait = (flags & WAIT_MASK) >>> WAIT_SHIFT
    this.#waitCounts[wait] = (this.#waitCounts[wait] ?? 0) + by
  }

  #table(high: number): Uint32Array {
    return this.#tables[high >>> 24] ?? new Uint32Array(SLOTS_MIN * 2)
  }

  /** Two seeded 32-bit hashes of the CID's bytes (rounds and finish of MurmurHash3); the low bits are kept free. */
  #fingerprint(cid: Cid): readonly [number, number] {
    let [a, b] = this.#seeds
    const { bytes } = cid
    for (let at = 0; at < bytes.length; at += 4) {
      const word =
        byteAt(bytes, at) |
        (byteAt(bytes, at + 1) << 8) |
        (byteAt(bytes, at + 2) << 16) |
        (byteAt(bytes, at + 3) << 24)
      a = mixWord(a, Math.imul(word, 0xcc9e2d51))
      b = mixWord(b, Math.imul(word, 0x85ebca77))
    }
    this.#hash[0] = finish(a ^ bytes.length) || 1
    this.#hash[1] = (finish(b ^ bytes.length) & ~FLAGS) >>> 0
    return this.#hash
  }
}

const byteAt = (bytes: Uint8Array, at: number): number => bytes[at] ?? 0
const slotAt = (table: Uint32Array, at: number): number => table[at] ?? 0
const isEmpty = (table: Uint32Array, at: number): boolean => table[at] === 0
const isOfUse = (table: Uint32Array, at: number): boolean =>
  !isEmpty(table, at) && (slotAt(table, at + 1) & (HELD | WAIT_MASK)) !== 0

function mixWord(hash: number, word: number): number {
  const turned = Math.imul((word << 15) | (word >>> 17), 0x1b873593)
  const mixed = hash ^ turned
  return (Math.imul((mixed << 13) | (mixed >>> 19), 5) + 0xe6546b64) | 0
}

function finish(hash: number): number {
  let mixed = hash ^ (hash >>> 16)
  mixed = Math.imul(mixed, 0x85ebca6b)
  mixed ^= mixed >>> 13
  mixed = Math.imul(mixed, 0xc2b2ae35)
  return (mixed ^ (mixed >>> 16)) >>> 0
}

/** From the middle of the word: its low bits are flags. */
const homeOf = (low: number, length: number): number => ((low >>> 6) * 2) & (length - 1)

/** Where the fingerprint is, or the empty slot where it would go. Linear probing; tables are never full. */
function find(table: Uint32Array, high: number, low: number): number {
  let at = homeOf(low, table.length)
  while (!isEmpty(table, at)) {
    if (table[at] === high && (slotAt(table, at + 1) & ~FLAGS) >>> 0 === low) return at
    at = (at + 2) & (table.length - 1)
  }
  return at
}

/** A table of another length with what is of use in this one. */
function rehash(old: Uint32Array, length: number): Uint32Array {
  const table = new Uint32Array(length)
  for (let from = 0; from < old.length; from += 2) {
    if (!isOfUse(old, from)) continue
    const low = slotAt(old, from + 1)
    const at = find(table, slotAt(old, from), (low & ~FLAGS) >>> 0)
    table[at] = slotAt(old, from)
    table[at + 1] = low
  }
  return table
}

/** Empties a slot and moves up those behind it that had to make way (Knuth, TAOCP 3, algorithm 6.4R). */
function closeGap(table: Uint32Array, at: number): void {
  const mask = table.length - 1
  let gap = at
  for (let next = (gap + 2) & mask; !isEmpty(table, next); next = (next + 2) & mask) {
    const home = homeOf(slotAt(table, next + 1), table.length)
    if (((next - home) & mask) < ((next - gap) & mask)) continue
    table[gap] = slotAt(table, next)
    table[gap + 1] = slotAt(table, next + 1)
    gap = next
  }
  table[gap] = 0
  table[gap + 1] = 0
}
