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

/** The hash of one item, to be XORed into a head. */
export function hashOfItem({ client, clock }: ItemId): Uint8Array {
  return hash('sha256', new ByteWriter().uint(client).uint(clock).finish(), 'buffer').subarray(
    0,
    DIGEST_BYTES,
  )
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
  return hash('sha256', out.finish(), 'buffer').subarray(0, DIGEST_BYTES)
}

function withoutClients(
  clocks: ReadonlyMap<number, number>,
  retired: ReadonlySet<number>,
): ReadonlyMap<number, number> {
  const left = new Map(clocks)
  for (const client of clocks.keys()) if (retired.has(client)) left.delete(client)
  return left
}
