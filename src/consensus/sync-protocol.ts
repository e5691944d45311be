import { ClusterError } from '../errors.ts'
import { ByteReader } from '../lib/byte-reader.ts'
import { ByteWriter } from '../lib/byte-writer.ts'
import { GROUPS_COUNT } from './digests.ts'
import { DIGEST_BYTES, decodeClocks, encodeClocks } from './head.ts'

/** Protocol by which two peers compare and exchange what is missing. One request message, a stream of answers. */
export const SYNC_PROTOCOL = '/pinfold/sync/1'

/** Partitions that one request may ask for. */
export const PULL_MAX = 64
const CHUNK_BYTES = 1024 * 1024
const CLOCKS_BYTES_MAX = 64 * 1024

/** What one peer asks another. */
export type SyncRequest =
  | { readonly kind: 'groups' }
  | { readonly kind: 'partitions'; readonly groups: readonly number[] }
  | { readonly kind: 'pull'; readonly partitions: readonly PartitionRequest[] }

/** A partition, and what the asking peer has of it. */
export interface PartitionRequest {
  readonly partition: number
  readonly clocks: ReadonlyMap<number, number>
}

const KINDS = ['groups', 'partitions', 'pull'] as const

/** A request in bytes. */
export function encodeRequest(request: SyncRequest): Uint8Array {
  const out = new ByteWriter().byte(KINDS.indexOf(request.kind))
  if (request.kind === 'partitions') {
    out.uint(request.groups.length)
    for (const group of request.groups) out.uint(group)
  }
  if (request.kind === 'pull') {
    out.uint(request.partitions.length)
    for (const { partition, clocks } of request.partitions) out.uint(partition).bytes(encodeClocks(clocks))
  }
  return out.finish()
}

/** A request read. Throws `INVALID_ARGUMENT`. */
export function decodeRequest(bytes: Uint8Array): SyncRequest {
  const input = new ByteReader(bytes)
  const kind = KINDS[input.byte()]
  switch (kind) {
    case 'groups':
      return { kind }
    case 'partitions':
      return {
        kind,
        groups: Array.from({ length: input.uint(GROUPS_COUNT) }, () => input.uint(GROUPS_COUNT - 1)),
      }
    case 'pull':
      return { kind, partitions: Array.from({ length: input.uint(PULL_MAX) }, () => readPartition(input)) }
    default:
      throw new ClusterError('INVALID_ARGUMENT', 'a question about the pinset is not understood')
  }
}

function readPartition(input: ByteReader): PartitionRequest {
  const partition = input.uint(0xffff)
  return { partition, clocks: decodeClocks(input.bytes(CLOCKS_BYTES_MAX)) }
}

/** Number of partitions and digests of a peer. */
export function encodeDigests(partitionsCount: number, digests: Uint8Array): Uint8Array {
  return new ByteWriter().uint(partitionsCount).raw(digests).finish()
}

/** Such an answer, which must hold exactly `count` digests. Throws `INVALID_ARGUMENT`. */
export function decodeDigests(
  bytes: Uint8Array,
  count: number,
): { partitionsCount: number; digests: Uint8Array[] } {
  const input = new ByteReader(bytes)
  const partitionsCount = input.uint()
  const digests = Array.from({ length: count }, () => input.raw(DIGEST_BYTES))
  input.end()
  return { partitionsCount, digests }
}

/** A partition's update in messages of at most about 1 MiB: partition, whether it is the last, bytes. */
export function* toChunks(partition: number, update: Uint8Array): Generator<Uint8Array> {
  let at = 0
  do {
    const part = update.subarray(at, at + CHUNK_BYTES)
    at += CHUNK_BYTES
    yield new ByteWriter()
      .uint(partition)
      .byte(at >= update.length ? 1 : 0)
      .raw(part)
      .finish()
  } while (at < update.length)
}

/** One message of an update. Throws `INVALID_ARGUMENT`. */
export function decodeChunk(bytes: Uint8Array): { partition: number; isLast: boolean; part: Uint8Array } {
  const input = new ByteReader(bytes)
  const partition = input.uint(0xffff)
  const isLast = input.byte() === 1
  return { partition, isLast, part: input.rest() }
}
