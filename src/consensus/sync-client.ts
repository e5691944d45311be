import { ClusterError } from '../errors.ts'
import type { Logger, Network, Options } from '../interfaces.ts'
import { concatBytes } from '../lib/bytes.ts'
import type { PeerId } from '../model/peer.ts'
import { decodeClients } from './meta.ts'
import {
  decodeDigests,
  decodeOverview,
  decodeState,
  encodeRequest,
  type Overview,
  type PartitionRequest,
  type PulledState,
  readChunks,
  SYNC_PROTOCOL,
  type SyncRequest,
} from './sync-protocol.ts'

const REQUEST_MS_MAX = 60_000
const STATE_BYTES_MAX = 128 * 1024 * 1024

/** Asks another peer about its pinset. Whatever it answers is checked for size and shape; `INVALID_ARGUMENT` if wrong. */
export class SyncClient {
  readonly #network: Pick<Network, 'request'>
  readonly #logger: Logger
  readonly #partitionsCount: number

  constructor(network: Pick<Network, 'request'>, logger: Logger, partitionsCount: number) {
    this.#network = network
    this.#logger = logger
    this.#partitionsCount = partitionsCount
  }

  /** Digests of everything. `CONFIG_INVALID` when the peer cuts its pinset into another number of partitions. */
  async overview(peer: PeerId, options: Options): Promise<Overview> {
    const overview = decodeOverview(await this.#askOnce(peer, { kind: 'groups' }, options))
    if (overview.partitionsCount === this.#partitionsCount) return overview
    const message = `peer ${peer} cuts its pinset into ${overview.partitionsCount} partitions, this peer into ${this.#partitionsCount}: set consensus.crdt.partitions to the same number`
    this.#logger.error(message, { peer })
    throw new ClusterError('CONFIG_INVALID', message)
  }

  /** Digests of the partitions in some groups, of which there are `count`. */
  async digests(
    peer: PeerId,
    groups: readonly number[],
    count: number,
    options: Options,
  ): Promise<readonly Uint8Array[]> {
    return decodeDigests(await this.#askOnce(peer, { kind: 'partitions', groups }, options), count)
  }

  /** Writers that the peer has retired. */
  async retired(peer: PeerId, options: Options): Promise<ReadonlySet<number>> {
    return decodeClients(await this.#askOnce(peer, { kind: 'retired' }, options))
  }

  /** What was said at the peer of whom it trusts. */
  async trust(peer: PeerId, options: Options): Promise<Uint8Array> {
    return this.#askOnce(peer, { kind: 'trust' }, options)
  }

  /** What this peer lacks of some partitions, one after the other. */
  async *pull(
    peer: PeerId,
    partitions: readonly PartitionRequest[],
    options: Options,
  ): AsyncIterable<{ readonly partition: number; readonly state: PulledState; readonly bytes: number }> {
    const wanted = new Set(partitions.map(({ partition }) => partition))
    let parts: Uint8Array[] = []
    let bytes = 0
    for await (const message of this.#ask(peer, { kind: 'pull', partitions }, options)) {
      for (const { partition, isLast, part } of readChunks(message)) {
        parts.push(part)
        bytes += part.length
        if (!wanted.has(partition) || bytes > STATE_BYTES_MAX) {
          throw new ClusterError('INVALID_ARGUMENT', `peer ${peer} sent something else than it was asked for`)
        }
        if (!isLast) continue
        wanted.delete(partition)
        yield { partition, state: decodeState(concatBytes(parts)), bytes }
        parts = []
        bytes = 0
      }
    }
    if (wanted.size > 0)
      throw new ClusterError('PEER_UNREACHABLE', `peer ${peer} sent ${wanted.size} partitions too few`)
  }

  async #askOnce(peer: PeerId, request: SyncRequest, options: Options): Promise<Uint8Array> {
    for await (const answer of this.#ask(peer, request, options)) return answer
    throw new ClusterError('PEER_UNREACHABLE', `peer ${peer} gave no answer about its pinset`)
  }

  #ask(peer: PeerId, request: SyncRequest, options: Options): AsyncIterable<Uint8Array> {
    const signal = AbortSignal.any([options.signal, AbortSignal.timeout(REQUEST_MS_MAX)])
    return this.#network.request(peer, SYNC_PROTOCOL, once(encodeRequest(request)), { signal })
  }
}

async function* once(message: Uint8Array): AsyncGenerator<Uint8Array> {
  yield message
}
