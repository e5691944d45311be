/**
 * BLAKE2b of RFC 7693, unkeyed. OpenSSL offers only the 64-byte output, whose parameters differ from those of shorter
 * ones. Words of 64 bits are kept as two of 32, low half first.
 */

const IV = Uint32Array.of(
  0xf3bcc908,
  0x6a09e667,
  0x84caa73b,
  0xbb67ae85,
  0xfe94f82b,
  0x3c6ef372,
  0x5f1d36f1,
  0xa54ff53a,
  0xade682d1,
  0x510e527f,
  0x2b3e6c1f,
  0x9b05688c,
  0xfb41bd6b,
  0x1f83d9ab,
  0x137e2179,
  0x5be0cd19,
)

const SIGMA = [
  [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
  [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
  [11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4],
  [7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8],
  [9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13],
  [2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9],
  [12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11],
  [13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10],
  [6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5],
  [10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0],
]

/** Which words of the state each of the eight mixings of a round takes. */
const COLUMNS = [
  [0, 4, 8, 12],
  [1, 5, 9, 13],
  [2, 6, 10, 14],
  [3, 7, 11, 15],
  [0, 5, 10, 15],
  [1, 6, 11, 12],
  [2, 7, 8, 13],
  [3, 4, 9, 14],
]

const BLOCK_BYTES = 128
const ROUNDS = 12

/** For each mixing of all rounds: indexes of its four state words and two message words, as 32-bit positions. */
const PLAN = Uint8Array.from(
  Array.from({ length: ROUNDS }, (_, round) =>
    COLUMNS.flatMap((words, i) => {
      const row = SIGMA[round % 10] ?? []
      return [...words, row[2 * i] ?? 0, row[2 * i + 1] ?? 0].map(word => 2 * word)
    }),
  ).flat(),
)

/** The hash of bytes in `outputLength` (1–64) bytes. */
export function blake2b(bytes: Uint8Array, outputLength: number): Uint8Array {
  const h = Uint32Array.from(IV)
  h[0] = (h[0] ?? 0) ^ 0x01010000 ^ outputLength
  const block = new Uint8Array(BLOCK_BYTES)
  const view = new DataView(block.buffer)
  const blocks = Math.max(1, Math.ceil(bytes.length / BLOCK_BYTES))
  for (let i = 0; i < blocks; i++) {
    const part = bytes.subarray(i * BLOCK_BYTES, (i + 1) * BLOCK_BYTES)
    block.fill(0)
    block.set(part)
    compress(h, view, i * BLOCK_BYTES + part.length, i === blocks - 1)
  }
  const out = new DataView(new ArrayBuffer(64))
  for (let i = 0; i < 16; i++) out.setUint32(4 * i, h[i] ?? 0, true)
  return new Uint8Array(out.buffer, 0, outputLength)
}

const v = new Uint32Array(32)
const m = new Uint32Array(32)

function compress(h: Uint32Array, block: DataView, count: number, isLast: boolean): void {
  v.set(h)
  v.set(IV, 16)
  v[24] = (v[24] ?? 0) ^ count
  v[25] = (v[25] ?? 0) ^ Math.floor(count / 2 ** 32)
  if (isLast) {
    v[28] = ~(v[28] ?? 0)
    v[29] = ~(v[29] ?? 0)
  }
  for (let i = 0; i < 32; i++) m[i] = block.getUint32(4 * i, true)
  for (let i = 0; i < PLAN.length; i += 6) mix(i)
  for (let i = 0; i < 16; i++) h[i] = (h[i] ?? 0) ^ (v[i] ?? 0) ^ (v[i + 16] ?? 0)
}

function mix(at: number): void {
  const [a = 0, b = 0, c = 0, d = 0, x = 0, y = 0] = [
    PLAN[at],
    PLAN[at + 1],
    PLAN[at + 2],
    PLAN[at + 3],
    PLAN[at + 4],
    PLAN[at + 5],
  ]
  add(a, v[b] ?? 0, v[b + 1] ?? 0)
  add(a, m[x] ?? 0, m[x + 1] ?? 0)
  turn(d, a, 32)
  add(c, v[d] ?? 0, v[d + 1] ?? 0)
  turn(b, c, 24)
  add(a, v[b] ?? 0, v[b + 1] ?? 0)
  add(a, m[y] ?? 0, m[y + 1] ?? 0)
  turn(d, a, 16)
  add(c, v[d] ?? 0, v[d + 1] ?? 0)
  turn(b, c, 63)
}

/** Adds a 64-bit number to a state word. */
function add(word: number, low: number, high: number): void {
  const sum = (v[word] ?? 0) + low
  v[word] = sum
  v[word + 1] = (v[word + 1] ?? 0) + high + (sum >= 2 ** 32 ? 1 : 0)
}

/** Sets a state word to itself xor another, turned right by 16, 24, 32 or 63 bits. */
function turn(word: number, other: number, bits: 16 | 24 | 32 | 63): void {
  const low = (v[word] ?? 0) ^ (v[other] ?? 0)
  const high = (v[word + 1] ?? 0) ^ (v[other + 1] ?? 0)
  if (bits === 32) {
    v[word] = high
    v[word + 1] = low
  } else if (bits === 63) {
    v[word] = (low << 1) | (high >>> 31)
    v[word + 1] = (high << 1) | (low >>> 31)
  } else {
    v[word] = (low >>> bits) | (high << (32 - bits))
    v[word + 1] = (high >>> bits) | (low << (32 - bits))
  }
}
