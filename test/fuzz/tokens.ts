import { ClusterError } from '../../src/errors.ts'
import { ByteReader } from '../../src/lib/byte-reader.ts'
import { concatBytes } from '../../src/lib/bytes.ts'

/** A field of a binary format, so that it can be changed as such and the rest still fits. */
export type Token =
  | { readonly kind: 'uint'; readonly value: bigint; readonly paddingBytes: number }
  | { readonly kind: 'raw'; readonly bytes: Uint8Array }
  /** A length, then as many bytes; `lie` is added to the length. */
  | { readonly kind: 'sized'; readonly tokens: readonly Token[]; readonly lie: bigint }

/** A number as the program writes it. */
export function uintToken(value: number | bigint): Token {
  return { kind: 'uint', value: BigInt(value), paddingBytes: 0 }
}

/** The bytes of fields. */
export function toBytes(tokens: readonly Token[]): Uint8Array {
  return concatBytes(tokens.map(tokenBytes))
}

function tokenBytes(token: Token): Uint8Array {
  if (token.kind === 'raw') return token.bytes
  if (token.kind === 'uint') return varint(token.value, token.paddingBytes)
  const body = toBytes(token.tokens)
  const length = BigInt(body.length) + token.lie
  return concatBytes([varint(length < 0n ? 0n : length, 0), body])
}

/** LEB128 of any size; padding makes it longer than needed. */
function varint(value: bigint, paddingBytes: number): Uint8Array {
  const bytes: number[] = []
  let rest = value
  do {
    bytes.push(Number(rest & 0x7fn) | 0x80)
    rest >>= 7n
  } while (rest > 0n)
  for (let count = 0; count < paddingBytes; count++) bytes.push(0x80)
  bytes.push((bytes.pop() ?? 0) & 0x7f)
  return Uint8Array.from(bytes)
}

/** Reads a format and keeps what it read as fields. */
export class Walk {
  readonly tokens: Token[] = []
  readonly #input: ByteReader

  constructor(bytes: Uint8Array) {
    this.#input = new ByteReader(bytes)
  }

  uint(): number {
    const value = this.#input.uint()
    this.tokens.push(uintToken(value))
    return value
  }

  /** A number that says how often something follows. */
  times(read: () => void): void {
    for (let left = this.uint(); left > 0; left--) read()
  }

  raw(size: number): Uint8Array {
    const bytes = this.#input.raw(size)
    this.tokens.push({ kind: 'raw', bytes })
    return bytes
  }

  sized(read: (inner: Walk) => void = inner => inner.rest()): void {
    const inner = new Walk(this.#input.bytes(Number.MAX_SAFE_INTEGER))
    read(inner)
    inner.rest()
    this.tokens.push({ kind: 'sized', tokens: inner.tokens, lie: 0n })
  }

  rest(): void {
    const bytes = this.#input.rest()
    if (bytes.length > 0) this.tokens.push({ kind: 'raw', bytes })
  }
}

/** The fields of valid bytes. What a walk does not understand it leaves as one piece. */
export function walk(bytes: Uint8Array, read: (walk: Walk) => void): readonly Token[] {
  const whole = new Walk(bytes)
  try {
    read(whole)
  } catch (thrown) {
    if (!(thrown instanceof ClusterError)) throw thrown
  }
  whole.rest()
  return whole.tokens
}

const COLLECTED = 0

/** format · writer · incarnation · changes: partition, update, CIDs of what is deleted. Without the signature. */
export function walkEnvelope(at: Walk): void {
  at.raw(1)
  at.sized()
  at.uint()
  at.times(() => {
    at.uint()
    at.uint()
    at.uint()
    at.sized(walkUpdate)
    at.times(() => at.sized())
  })
}

/** A Yjs update of format 1 with items of a map and collected ranges. */
export function walkUpdate(at: Walk): void {
  at.times(() => {
    let structs = at.uint()
    at.uint()
    at.uint()
    for (; structs > 0; structs--) {
      const [kind] = at.raw(1)
      at.uint()
      if (kind === COLLECTED) continue
      at.sized()
      at.sized()
      at.sized(walkItem)
    }
  })
  walkRuns(at)
}

/** What is sent of a partition: digest of the retired writers, which of their items live, times of removals, update. */
export function walkState(at: Walk): void {
  at.raw(16)
  walkRuns(at)
  at.times(() => {
    at.sized()
    at.uint()
    at.uint()
  })
  walkUpdate(at)
}

/** Clients, and of each runs of clocks. */
function walkRuns(at: Walk): void {
  at.times(() => {
    at.uint()
    at.times(() => {
      at.uint()
      at.uint()
    })
  })
}

/** CID and record. */
export function walkItem(at: Walk): void {
  at.sized()
  walkRecord(at)
}

/** format · time · type · depth · replication twice · seconds · which fields follow · those. */
export function walkRecord(at: Walk): void {
  at.raw(1)
  at.raw(8)
  at.raw(1)
  for (let count = 0; count < 5; count++) at.uint()
}

/** Writers and the clocks of their next items. */
export function walkClocks(at: Walk): void {
  at.times(() => {
    at.uint()
    at.uint()
  })
}

/** Digest of the live items, six counts, clocks. */
export function walkHead(at: Walk): void {
  at.raw(16)
  for (let count = 0; count < 5; count++) at.uint()
  walkClocks(at)
}

/** Kind of a question; groups, or partitions with clocks. */
export function walkRequest(at: Walk): void {
  const [kind] = at.raw(1)
  if (kind === 1) at.times(() => at.uint())
  if (kind === 2)
    at.times(() => {
      at.uint()
      at.sized(walkClocks)
    })
}
