import { hash } from 'node:crypto'
import { ByteReader } from '../lib/byte-reader.ts'
import { ByteWriter } from '../lib/byte-writer.ts'
import type { ItemId } from './update.ts'

/** Length of digests in bytes. */
export const DIGEST_BYTES = 16

/** What is known of a partition without its document. */
export interface Head {
  /** Writer → clock of its next item. */
  readonly clocks: ReadonlyMap<number, number>
  /** XOR over the hashes of all live items, so that a lost removal shows and the order does not matter. */
  readonly live: Uint8Array
  readonly liveCount: number
  /** Sequence number of the next log entry, and how many lie before it since the last fold. */
  readonly nextSequence: number
  readonly logCount: number
  readonly logBytes: number
  readonly snapshotBytes: number
}

/** The head of a partition in which nothing was ever written. */
export const EMPTY_HEAD: Head = {
  clocks: new Map(),
  live: new Uint8Array(DIGEST_BYTES),
  liveCount: 0,
  nextSequence: 0,
  logCount: 0,
  logBytes: 0,
  snapshotBytes: 0,
}

/** The first 32-bit words of the fractional parts of the square roots of 2, 3, 5 and 7. */
const LANE_SEEDS = [0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a] as const
const WRITERS_MAX = 1_000_000

/** A head as stored. */
export function encodeHead(head: Head): Uint8Array {
  const out = new ByteWriter().raw(head.live).uint(head.liveCount)
  out.uint(head.nextSequence).uint(head.logCount).uint(head.logBytes).uint(head.snapshotBytes)
  writeClocks(out, head.clocks)
  return out.finish()
}

/** A head read back. */
export function decodeHead(bytes: Uint8Array): Head {
  const input = new ByteReader(bytes)
  const live = Uint8Array.from(input.raw(DIGEST_BYTES))
  const liveCount = input.uint()
  const nextSequence = input.uint()
  const logCount = input.uint()
  const logBytes = input.uint()
  const snapshotBytes = input.uint()
  const clocks = readClocks(input)
  input.end()
  return { clocks, live, liveCount, nextSequence, logCount, logBytes, snapshotBytes }
}

function writeClocks(out: ByteWriter, clocks: ReadonlyMap<number, number>): void {
  out.uint(clocks.size)
  for (const [client, clock] of [...clocks].sort(([a], [b]) => a - b)) out.uint(client).uint(clock)
}

function readClocks(input: ByteReader): Map<number, number> {
  const clocks = new Map<number, number>()
  const count = input.uint(WRITERS_MAX)
  for (let index = 0; index < count; index++) {
    const client = input.uint()
    clocks.set(client, input.uint())
  }
  return clocks
}

/** Clocks in bytes, equal for equal clocks. */
export function encodeClocks(clocks: ReadonlyMap<number, number>): Uint8Array {
  const out = new ByteWriter()
  writeClocks(out, clocks)
  return out.finish()
}

/** Clocks read back. Throws `INVALID_ARGUMENT`. */
export function decodeClocks(bytes: Uint8Array): Map<number, number> {
  const input = new ByteReader(bytes)
  const clocks = readClocks(input)
  input.end()
  return clocks
}

/**
 * XORs the hash of one item into a digest of live items. The hash (four lanes of MurmurHash3's 32-bit finaliser over
 * client and clock) spreads well and costs a tenth of a cryptographic one. It need not resist a forger: items come from
 * trusted peers only, and those may write what they like anyway.
 */
export function xorItem(into: Uint8Array, { client, clock }: ItemId): void {
  const clientLow = client >>> 0
  const clientHigh = Math.floor(client / 2 ** 32)
  const clockLow = clock >>> 0
  const clockHigh = Math.floor(clock / 2 ** 32)
  let state = 0
  LANE_SEEDS.forEach((seed, lane) => {
    state = mix((state + seed) ^ clientLow)
    state = mix(state ^ clientHigh)
    state = mix(state ^ clockLow)
    state = mix(state ^ clockHigh)
    const at = lane * 4
    into[at] = (into[at] ?? 0) ^ (state & 0xff)
    into[at + 1] = (into[at + 1] ?? 0) ^ ((state >>> 8) & 0xff)
    into[at + 2] = (into[at + 2] ?? 0) ^ ((state >>> 16) & 0xff)
    into[at + 3] = (into[at + 3] ?? 0) ^ (state >>> 24)
  })
}

function mix(value: number): number {
  let mixed = Math.imul(value ^ (value >>> 16), 0x85ebca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
  return mixed ^ (mixed >>> 16)
}

/** The first bytes of the SHA-256. */
export function digestOfBytes(bytes: Uint8Array): Uint8Array {
  return hash('sha256', bytes, 'buffer').subarray(0, DIGEST_BYTES)
}

/** XORs `other` into `into`. */
export function xorInto(into: Uint8Array, other: Uint8Array): void {
  for (let at = 0; at < DIGEST_BYTES; at++) into[at] = (into[at] ?? 0) ^ (other[at] ?? 0)
}

/**
 * Digest of a partition: equal on two peers exactly when both know the same items and the same deletions. The clocks of
 * retired writers say nothing, since all that they wrote is known. A partition in which there is nothing to tell has the
 * digest 0.
 */
export function digestOf(partition: number, head: Head, retired: ReadonlySet<number>): Uint8Array {
  const clocks = retired.size === 0 ? head.clocks : withoutClients(head.clocks, retired)
  if (clocks.size === 0 && head.liveCount === 0) return new Uint8Array(DIGEST_BYTES)
  const out = new ByteWriter().uint(partition).raw(head.live).uint(head.liveCount)
  writeClocks(out, clocks)
  return digestOfBytes(out.finish())
}

function withoutClients(
  clocks: ReadonlyMap<number, number>,
  retired: ReadonlySet<number>,
): ReadonlyMap<number, number> {
  const left = new Map(clocks)
  for (const client of clocks.keys()) if (retired.has(client)) left.delete(client)
  return left
}
