const BASE32 = tableOf('abcdefghijklmnopqrstuvwxyz234567')
const BASE58 = tableOf('123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz')
const NONE = 0xff

/** Length of the text of a CID in version 1 of 36 bytes, with its leading `b`, and of one in version 0 of 34 bytes. */
const V1_CHARACTERS = 59
const V0_CHARACTERS = 46

/**
 * The bytes that a text of the two usual shapes stands for: base32 of 36 bytes behind a `b`, or base58btc of 34 bytes that
 * begins with `Qm`. Undefined for every other text and for what is no such text, which is left to the library: it also knows
 * what to say. A listing of an IPFS node has a CID a line, and the library takes ten times as long.
 */
export function usualCidBytes(text: string): Uint8Array | undefined {
  if (text.length === V1_CHARACTERS && text.startsWith('b')) return fromBase32(text)
  return text.length === V0_CHARACTERS && text.startsWith('Qm') ? fromBase58(text) : undefined
}

function tableOf(alphabet: string): Uint8Array {
  const table = new Uint8Array(128).fill(0xff)
  for (let value = 0; value < alphabet.length; value++) table[alphabet.charCodeAt(value)] = value
  return table
}

function fromBase32(text: string): Uint8Array | undefined {
  const bytes = new Uint8Array(36)
  let bits = 0
  let bitsCount = 0
  let at = 0
  for (let index = 1; index < V1_CHARACTERS; index++) {
    const value = BASE32[text.charCodeAt(index)] ?? NONE
    if (value === NONE) return undefined
    bits = (bits << 5) | value
    bitsCount += 5
    if (bitsCount < 8) continue
    bitsCount -= 8
    bytes[at++] = bits >> bitsCount
    bits &= (1 << bitsCount) - 1
  }
  // Two bits are left over; a text in which they are set is not the text of any bytes.
  return bits === 0 ? bytes : undefined
}

/** Characters that are taken together: 58⁵ fits in 30 bits, and times a limb in the 53 bits of a number. */
const GROUP = 5
const LIMB = 2 ** 16
const LIMBS = 17

function fromBase58(text: string): Uint8Array | undefined {
  const limbs = new Float64Array(LIMBS)
  for (let from = 0; from < V0_CHARACTERS; from += GROUP) {
    const to = Math.min(from + GROUP, V0_CHARACTERS)
    let carry = 0
    let factor = 1
    for (let index = from; index < to; index++) {
      const value = BASE58[text.charCodeAt(index)] ?? NONE
      if (value === NONE) return undefined
      carry = carry * 58 + value
      factor *= 58
    }
    for (let limb = 0; limb < LIMBS; limb++) {
      const sum = (limbs[limb] ?? 0) * factor + carry
      carry = Math.floor(sum / LIMB)
      limbs[limb] = sum - carry * LIMB
    }
    if (carry > 0) return undefined
  }
  const bytes = new Uint8Array(2 * LIMBS)
  for (let limb = 0; limb < LIMBS; limb++) {
    const value = limbs[limb] ?? 0
    bytes[bytes.length - 1 - 2 * limb] = value
    bytes[bytes.length - 2 - 2 * limb] = value >> 8
  }
  return bytes
}
