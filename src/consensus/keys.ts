import { ClusterError } from '../errors.ts'
import type { KeyRange, PinRange } from '../interfaces.ts'

/**
 * The store of the pinset, by the first byte of its keys. Partition numbers are 2 bytes, log sequence numbers 6, big endian.
 *
 *     1 name                → meta: format, partitions, own incarnation and clock, count of pins
 *     2 partition sequence  → log: one update of the partition, in the order of arrival
 *     3 partition           → snapshot: the folded updates before the log
 *     4 partition           → head: state vector, digest, extent of the log
 *     5 CID                 → view: the winning record of a pin, what every read of the pinset reads
 */
const META = 1
const LOG = 2
const SNAPSHOT = 3
const HEAD = 4
const VIEW = 5

/** Key of a meta value. */
export function metaKey(name: string): Uint8Array {
  return Buffer.concat([Uint8Array.of(META), Buffer.from(name)])
}

/** Key of a log entry. */
export function logKey(partition: number, sequence: number): Uint8Array {
  const key = Buffer.alloc(9)
  key[0] = LOG
  key.writeUInt16BE(partition, 1)
  key.writeUIntBE(sequence, 3, 6)
  return key
}

/** Keys of a partition's log, in its order. */
export function logKeysOf(
  partition: number,
  { nextSequence, logCount }: { readonly nextSequence: number; readonly logCount: number },
): Uint8Array[] {
  const first = nextSequence - logCount
  return Array.from({ length: logCount }, (_, index) => logKey(partition, first + index))
}

/** Range of all log entries. */
export const LOGS = { gte: Uint8Array.of(LOG), lt: Uint8Array.of(LOG + 1) }

/** Range of the log entries of a partition. */
export function logRange(partition: number): { readonly gte: Uint8Array; readonly lt: Uint8Array } {
  return { gte: logKey(partition, 0), lt: logKey(partition, 2 ** 48 - 1) }
}

/** Range of all snapshots. */
export const SNAPSHOTS = { gte: Uint8Array.of(SNAPSHOT), lt: Uint8Array.of(SNAPSHOT + 1) }

/** The partition in the key of a log entry or snapshot. */
export function partitionOfKey(key: Uint8Array): number {
  return ((key[1] ?? 0) << 8) | (key[2] ?? 0)
}

/** Key of a partition's snapshot. */
export function snapshotKey(partition: number): Uint8Array {
  return partitionKey(SNAPSHOT, partition)
}

/** Key of a partition's head. */
export function headKey(partition: number): Uint8Array {
  return partitionKey(HEAD, partition)
}

/** Range of all heads. */
export const HEADS = { gte: Uint8Array.of(HEAD), lt: Uint8Array.of(HEAD + 1) }

/** The partition in the key of a head. */
export function partitionOfHeadKey(key: Uint8Array): number {
  if (key[0] !== HEAD || key.length !== 3)
    throw new ClusterError('STORE_VERSION', 'the pinset store has a key that is not understood')
  return ((key[1] ?? 0) << 8) | (key[2] ?? 0)
}

function partitionKey(kind: number, partition: number): Uint8Array {
  return Uint8Array.of(kind, partition >> 8, partition & 0xff)
}

/** Key of a pin in the view. */
export function viewKey(cid: Uint8Array): Uint8Array {
  const key = new Uint8Array(cid.length + 1)
  key[0] = VIEW
  key.set(cid, 1)
  return key
}

/** The CID's bytes in the key of a pin. */
export function cidOfViewKey(key: Uint8Array): Uint8Array {
  return key.subarray(1)
}

/** Range of the whole view. */
export const VIEW_RANGE = { gte: Uint8Array.of(VIEW), lt: Uint8Array.of(VIEW + 1) }

/** Range of the pins behind one CID, or from one, up to another. */
export function viewRange({ after, from, to }: Pick<PinRange, 'after' | 'from' | 'to'>): KeyRange {
  return {
    gte: from === undefined ? VIEW_RANGE.gte : viewKey(from.bytes),
    ...(after === undefined ? {} : { gt: viewKey(after.bytes) }),
    lt: to === undefined ? VIEW_RANGE.lt : viewKey(to.bytes),
  }
}
