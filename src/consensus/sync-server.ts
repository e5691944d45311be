import { ClusterError } from '../errors.ts'
import type { Options } from '../interfaces.ts'
import { concatBytes } from '../lib/bytes.ts'
import type { Clock } from '../lib/clock.ts'
import { TokenBucket } from '../lib/token-bucket.ts'
import type { PeerId } from '../model/peer.ts'
import { GROUPS_COUNT } from './digests.ts'
import { encodeClients } from './meta.ts'
import type { Replica } from './replica.ts'
import type { Sharing } from './sharing.ts'
import {
  ChunkPacker,
  decodeRequest,
  encodeOverview,
  encodeState,
  type PartitionRequest,
  type SyncRequest,
  toChunks,
} from './sync-protocol.ts'

/** Questions by one peer that are answered at the same time; further ones are refused. */
const ASKED_AT_ONCE = 4
/** Work that one peer may ask for: a partition costs 1, each digest 1/64. A whole pinset fits without waiting. */
const WORK_MAX = 16_384
const WORK_PER_SECOND = 1024
const PEERS_KEPT_MAX = 4096

/** Answers other peers' questions about the pinset, no faster than one peer may ask. */
export class SyncServer {
  readonly #sharing: Sharing
  readonly #clock: Clock
  readonly #asking = new Map<PeerId, { count: number; readonly work: TokenBucket }>()

  constructor(sharing: Sharing, clock: Clock) {
    this.#sharing = sharing
    this.#clock = clock
  }

  /** Answers one question. Throws `INVALID_ARGUMENT` for one that is not understood, `RATE_LIMITED` for one too many. */
  async *answer(input: AsyncIterable<Uint8Array>, from: PeerId, options: Options): AsyncIterable<Uint8Array> {
    const asking = this.#askingOf(from)
    if (asking.count >= ASKED_AT_ONCE) {
      throw new ClusterError('RATE_LIMITED', `peer ${from} asks more than ${ASKED_AT_ONCE} questions at once`)
    }
    asking.count++
    try {
      for await (const message of input) {
        const request = decodeRequest(message)
        await asking.work.take(costOf(request), options.signal)
        yield* this.#reply(request, options)
        return
      }
    } finally {
      asking.count--
    }
  }

  #askingOf(peer: PeerId) {
    const known = this.#asking.get(peer)
    if (known !== undefined) return known
    for (const [other, { count }] of this.#asking) {
      if (this.#asking.size < PEERS_KEPT_MAX) break
      if (count === 0) this.#asking.delete(other)
    }
    const work = new TokenBucket(this.#clock, { capacity: WORK_MAX, perSecond: WORK_PER_SECOND })
    const asking = { count: 0, work }
    this.#asking.set(peer, asking)
    return asking
  }

  async *#reply(request: SyncRequest, options: Options): AsyncIterable<Uint8Array> {
    const { replica, partitionsCount, trust } = this.#sharing
    const { digests, retired, retiredDigest } = replica.committed
    switch (request.kind) {
      case 'groups': {
        const groups = Array.from({ length: GROUPS_COUNT }, (_, group) => digests.ofGroup(group))
        yield encodeOverview({
          partitionsCount,
          retired: retiredDigest,
          trust: trust.digest,
          groups,
        })
        return
      }
      case 'partitions': {
        const partitions = request.groups.flatMap(group => digests.partitionsOf(group))
        yield concatBytes(partitions.map(partition => digests.ofPartition(partition)))
        return
      }
      case 'retired':
        yield encodeClients(retired)
        return
      case 'trust':
        yield trust.encode()
        return
      case 'pull':
        yield* this.#export(replica, request.partitions, options)
    }
  }

  async *#export(
    replica: Replica,
    partitions: readonly PartitionRequest[],
    { signal }: Options,
  ): AsyncIterable<Uint8Array> {
    const packer = new ChunkPacker()
    for (const { partition, clocks } of partitions) {
      signal.throwIfAborted()
      if (partition >= this.#sharing.partitionsCount)
        throw new ClusterError('INVALID_ARGUMENT', `there is no partition ${partition}`)
      const state = encodeState(await replica.exportPartition(partition, clocks))
      for (const chunk of toChunks(partition, state)) {
        const message = packer.add(chunk)
        if (message !== undefined) yield message
      }
    }
    const rest = packer.rest()
    if (rest !== undefined) yield rest
  }
}

function costOf(request: SyncRequest): number {
  if (request.kind === 'pull') return request.partitions.length
  return request.kind === 'partitions' ? request.groups.length : 1
}
