import { ClusterError } from '../errors.ts'
import { ByteReader } from '../lib/byte-reader.ts'
import { ByteWriter } from '../lib/byte-writer.ts'
import { GROUPS_COUNT } from './digests.ts'
import { DIGEST_BYTES, decodeClocks, encodeClocks } from './head.ts'
import { type RemovedAt, readRemovedAt, writeRemovedAt } from './removal-times.ts'
import { type IdRuns, readRuns, writeRuns } from './update.ts'

/** Protocol by which two peers compare and exchange what is missing. One request message, a stream of answers. */
export const SYNC_PROTOCOL = '/pinfold/sync/3'

/** Partitions that one request may ask for. */
export const PULL_MAX = 64
const CHUNK_BYTES = 256 * 1024
/** A message of states goes out as soon as it is so large. */
const MESSAGE_GOAL_BYTES = 32 * 1024
const CLOCKS_BYTES_MAX = 64 * 1024
/** More are not told: all of the partition is asked for then. */
export const CLOCKS_TOLD_MAX = 4000

/** What one peer asks another. */
export type SyncRequest =
  | { readonly kind: 'groups' }
  | { readonly kind: 'partitions'; readonly groups: readonly number[] }
  | { readonly kind: 'pull'; readonly partitions: readonly PartitionRequest[] }
  | { readonly kind: 'retired' }
  | { readonly kind: 'trust' }

/** A partition, and what the asking peer has of it. */
export interface PartitionRequest {
  readonly partition: number
  readonly clocks: ReadonlyMap<number, number>
}

const KINDS = ['groups', 'partitions', 'pull', 'retired', 'trust'] as const

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
    case 'retired':
    case 'trust':
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

/** What a peer tells first: into how many pieces it cuts its pinset, and digests of everything that is compared. */
export interface Overview {
  readonly partitionsCount: number
  /** Digest of its list of retired writers. */
  readonly retired: Uint8Array
  /** Digest of what was said of whom it trusts. */
  readonly trust: Uint8Array
  readonly groups: readonly Uint8Array[]
}

/** An overview in bytes. */
export function encodeOverview(overview: Overview): Uint8Array {
  const out = new ByteWriter().uint(overview.partitionsCount).raw(overview.retired).raw(overview.trust)
  for (const digest of overview.groups) out.raw(digest)
  return out.finish()
}

/** An overview read. Throws `INVALID_ARGUMENT`. */
export function decodeOverview(bytes: Uint8Array): Overview {
  const input = new ByteReader(bytes)
  const partitionsCount = input.uint(0x10000)
  const retired = input.raw(DIGEST_BYTES)
  const trust = input.raw(DIGEST_BYTES)
  const groups = Array.from({ length: GROUPS_COUNT }, () => input.raw(DIGEST_BYTES))
  input.end()
  return { partitionsCount, retired, trust, groups }
}

/** Digests, which must be exactly `count`. Throws `INVALID_ARGUMENT`. */
export function decodeDigests(bytes: Uint8Array, count: number): Uint8Array[] {
  const input = new ByteReader(bytes)
  const digests = Array.from({ length: count }, () => input.raw(DIGEST_BYTES))
  input.end()
  return digests
}

/** A partition's state: the update with what was asked for, and which items of retired writers live. */
export interface PulledState {
  readonly update: Uint8Array
  readonly retiredLive: IdRuns
  /** When pins of the partition were removed, as far as the peer remembers. */
  readonly removedAt: RemovedAt
  /** Digest of the list of retired writers that the peer had when it made this. */
  readonly retiredDigest: Uint8Array
}

/** A state in bytes. */
export function encodeState({ update, retiredLive, removedAt, retiredDigest }: PulledState): Uint8Array {
  const out = new ByteWriter().raw(retiredDigest)
  writeRuns(out, [...retiredLive])
  writeRemovedAt(out, removedAt)
  return out.raw(update).finish()
}

/** A state read; the update itself is not. Throws `INVALID_ARGUMENT`. */
export function decodeState(bytes: Uint8Array): PulledState {
  const input = new ByteReader(bytes)
  const retiredDigest = input.raw(DIGEST_BYTES)
  const retiredLive = readRuns(input)
  const removedAt = readRemovedAt(input)
  return { retiredDigest, retiredLive, removedAt, update: input.rest() }
}

/** A piece of a partition's state, which comes in one or more of them. */
export interface Chunk {
  readonly partition: number
  readonly isLast: boolean
  readonly part: Uint8Array
}

/** A partition's state in pieces of at most 256 KiB. */
export function* toChunks(partition: number, state: Uint8Array): Generator<Chunk> {
  let at = 0
  do {
    const part = state.subarray(at, at + CHUNK_BYTES)
    at += CHUNK_BYTES
    yield { partition, isLast: at >= state.length, part }
  } while (at < state.length)
}

/** Pieces in messages: small ones share one, since a message costs more than what most partitions hold. */
export class ChunkPacker {
  #out = new ByteWriter()

  /** Adds a piece; answers with a message when there is enough for one. */
  add({ partition, isLast, part }: Chunk): Uint8Array | undefined {
    this.#out
      .uint(partition)
      .byte(isLast ? 1 : 0)
      .bytes(part)
    return this.#out.length < MESSAGE_GOAL_BYTES ? undefined : this.#out.finish()
  }

  /** What is left; undefined when there is nothing. */
  rest(): Uint8Array | undefined {
    return this.#out.length === 0 ? undefined : this.#out.finish()
  }
}

/** The pieces in one message. Throws `INVALID_ARGUMENT`. */
export function* readChunks(bytes: Uint8Array): Generator<Chunk> {
  const input = new ByteReader(bytes)
  while (!input.isAtEnd) {
    const partition = input.uint(0xffff)
    const isLast = input.byte() === 1
    const part = input.bytes(CHUNK_BYTES)
    if (!isLast && part.length !== CHUNK_BYTES)
      throw new ClusterError('INVALID_ARGUMENT', 'a state of a partition comes in pieces of the wrong size')
    yield { partition, isLast, part }
  }
}
