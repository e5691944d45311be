import { concatBytes } from '../lib/bytes.ts'

/** Bounds of the pieces, in bytes; `average` counts as the power of two below it. */
export interface RabinSizes {
  readonly min: number
  readonly average: number
  readonly max: number
}

/** The irreducible polynomial that IPFS implementations share: without it, equal content gets other CIDs. */
const POLYNOMIAL = 17437180132763653n
const DEGREE = 53n
/** How many bytes the fingerprint looks back. */
const WINDOW_BYTES = 16
const HIGH_MASK = 0x1fffff

/** Residues for each byte, in two halves: bits 32–52 and bits 0–31. */
interface Table {
  readonly high: Uint32Array
  readonly low: Uint32Array
}

/** Effect of a byte that was pushed beyond the degree, and of one that leaves the window. */
const OVERFLOW = tableOf(byte => byte << DEGREE)
const LEAVING = tableOf(byte => byte << BigInt(8 * (WINDOW_BYTES - 1)))

/**
 * Cuts where the content says so, by a Rabin fingerprint over the last 16 bytes: an insertion moves only the cuts near it.
 * The fingerprint is the remainder of the window, read as a polynomial over GF(2) (Rabin 1981), begins with a single 1
 * byte, and a cut falls where its low bits are zero. An empty stream gives one empty piece.
 */
export async function* cutByRabin(
  source: AsyncIterable<Uint8Array>,
  sizes: RabinSizes,
): AsyncGenerator<Uint8Array> {
  const print = new Fingerprint(sizes)
  let pending: Uint8Array[] = []
  let isEmpty = true
  for await (const bytes of source) {
    let rest = bytes
    for (let end = print.nextCut(rest); end >= 0; end = print.nextCut(rest)) {
      yield concatBytes([...pending, rest.subarray(0, end)])
      isEmpty = false
      pending = []
      rest = rest.subarray(end)
    }
    if (rest.length > 0) pending.push(rest)
  }
  if (isEmpty || pending.length > 0) yield concatBytes(pending)
}

/** The rolling state of one stream. */
class Fingerprint {
  readonly #sizes: RabinSizes
  readonly #mask: number
  readonly #window = new Uint8Array(WINDOW_BYTES)
  #at = 0
  #count = 0
  #high = 0
  #low = 1

  constructor(sizes: RabinSizes) {
    this.#sizes = sizes
    this.#mask = 2 ** Math.floor(Math.log2(sizes.average)) - 1
    this.#reset()
  }

  /** Where in these bytes the present piece ends, or -1 when it goes on behind them. */
  nextCut(bytes: Uint8Array): number {
    const { min, max } = this.#sizes
    // Bytes that cannot end a piece and have left the window by the time that one can are not looked at.
    const skipped = Math.min(bytes.length, Math.max(0, min - WINDOW_BYTES - this.#count))
    this.#count += skipped
    for (let i = skipped; i < bytes.length; i++) {
      this.#slide(bytes[i] ?? 0)
      this.#count++
      if (this.#count >= min && ((this.#low & this.#mask) === 0 || this.#count >= max)) {
        this.#reset()
        return i + 1
      }
    }
    return -1
  }

  #reset(): void {
    this.#window.fill(0)
    this.#window[0] = 1
    this.#at = 1
    this.#count = 0
    this.#high = 0
    this.#low = 1
  }

  #slide(byte: number): void {
    const left = this.#window[this.#at] ?? 0
    this.#window[this.#at] = byte
    this.#at = (this.#at + 1) % WINDOW_BYTES
    const high = this.#high ^ (LEAVING.high[left] ?? 0)
    const low = this.#low ^ (LEAVING.low[left] ?? 0)
    const over = high >>> 13
    this.#high = (((high << 8) | (low >>> 24)) & HIGH_MASK) ^ (OVERFLOW.high[over] ?? 0)
    this.#low = ((low << 8) | byte) ^ (OVERFLOW.low[over] ?? 0)
  }
}

function tableOf(polynomialOf: (byte: bigint) => bigint): Table {
  const residues = Array.from({ length: 256 }, (_, byte) => residue(polynomialOf(BigInt(byte))))
  return {
    high: Uint32Array.from(residues, value => Number(value >> 32n)),
    low: Uint32Array.from(residues, value => Number(value & 0xffffffffn)),
  }
}

/** Remainder of a polynomial over GF(2), written as the bits of a number. */
function residue(polynomial: bigint): bigint {
  let rest = polynomial
  for (let degree = BigInt(rest.toString(2).length - 1); degree >= DEGREE; degree--) {
    if ((rest >> degree) & 1n) rest ^= POLYNOMIAL << (degree - DEGREE)
  }
  return rest
}
