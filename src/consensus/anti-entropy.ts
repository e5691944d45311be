import { ClusterError, messageOf } from '../errors.ts'
import type { Logger, Network, Options } from '../interfaces.ts'
import { concatBytes, equalBytes } from '../lib/bytes.ts'
import type { Clock } from '../lib/clock.ts'
import type { Instruments } from '../lib/instruments.ts'
import type { Random } from '../lib/random.ts'
import { repeat } from '../lib/repeat.ts'
import type { PeerId } from '../model/peer.ts'
import { GROUPS_COUNT } from './digests.ts'
import type { METRICS } from './metrics.ts'
import type { Replica } from './replica.ts'
import {
  decodeChunk,
  decodeDigests,
  decodeRequest,
  encodeDigests,
  encodeRequest,
  PULL_MAX,
  SYNC_PROTOCOL,
  type SyncRequest,
  toChunks,
} from './sync-protocol.ts'

/** What comparing needs. */
export interface AntiEntropyComponents {
  readonly network: Pick<Network, 'self' | 'peers' | 'onPeer' | 'request' | 'serve'>
  readonly replica: Replica
  readonly isTrusted: (peer: PeerId) => boolean
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly metrics: Instruments<typeof METRICS>
}

/** A difference that is younger than this is most likely a message under way. */
const MOMENT_MS = 500
const AFTER_CONNECT_MS = 50
const AFTER_GAP_MS = 200
/** Least time between two comparisons with the same peer. */
const PAUSE_MS = 1000
const REQUEST_MS_MAX = 60_000
const PULLS_AT_ONCE = 3
const UPDATE_BYTES_MAX = 256 * 1024 * 1024

interface Plan {
  timer: Disposable | undefined
  isRunning: boolean
  /** Partitions known to lack something that this peer has; undefined = compare everything. */
  readonly gaps: Set<number>
  lastAtMs: number
}

/**
 * Finds and fetches what this peer lacks: root digest → groups → partitions → what is missing in each. Each side
 * fetches for itself, and only from peers that it trusts; whoever is behind notices it by the other's digest.
 */
export class AntiEntropy implements AsyncDisposable {
  readonly #components: AntiEntropyComponents
  readonly #partitionsCount: number
  readonly #plans = new Map<PeerId, Plan>()
  readonly #stopping = new AbortController()
  readonly #running = new Set<Promise<void>>()
  readonly #resources = new AsyncDisposableStack()

  constructor(
    components: AntiEntropyComponents,
    config: { partitionsCount: number; repairIntervalMs: number },
  ) {
    this.#components = components
    this.#partitionsCount = config.partitionsCount
    const { network, replica, clock, random, logger } = components
    this.#resources.use(network.serve(SYNC_PROTOCOL, (input, _from, options) => this.#answer(input, options)))
    this.#resources.use(
      network.onPeer(({ peer, isConnected }) => isConnected && this.#plan(peer, AFTER_CONNECT_MS)),
    )
    this.#resources.use(replica.onGap(({ from, partition }) => this.#planGap(from, partition)))
    for (const peer of network.peers()) this.#plan(peer, AFTER_CONNECT_MS)
    if (config.repairIntervalMs > 0) {
      const onError = (error: unknown) => logger.warn('comparing the pinset failed', { error })
      this.#resources.use(
        repeat({ clock, everyMs: config.repairIntervalMs, onError }, async () => {
          const peers = network.peers()
          const peer = peers[Math.floor(random.next() * peers.length)]
          if (peer !== undefined) this.#plan(peer, 0)
        }),
      )
    }
  }

  /** Another peer says what its root digest is. */
  notice(peer: PeerId, rootDigest: string): void {
    if (peer !== this.#components.network.self && rootDigest !== this.#components.replica.digests.root)
      this.#plan(peer, MOMENT_MS)
  }

  #planGap(from: PeerId, partition: number): void {
    const peers = this.#components.network.peers().filter(peer => this.#components.isTrusted(peer))
    const peer = peers.includes(from)
      ? from
      : peers[Math.floor(this.#components.random.next() * peers.length)]
    if (peer === undefined) return
    this.#plan(peer, AFTER_GAP_MS)?.gaps.add(partition)
  }

  #plan(peer: PeerId, afterMs: number): Plan | undefined {
    if (this.#stopping.signal.aborted || !this.#components.isTrusted(peer)) return undefined
    const known = this.#plans.get(peer)
    const plan: Plan = known ?? {
      timer: undefined,
      isRunning: false,
      gaps: new Set(),
      lastAtMs: Number.NEGATIVE_INFINITY,
    }
    this.#plans.set(peer, plan)
    if (plan.timer !== undefined || plan.isRunning) return plan
    const { clock } = this.#components
    const waitMs = Math.max(afterMs, plan.lastAtMs + PAUSE_MS - clock.monotonic())
    plan.timer = clock.schedule(waitMs, () => {
      plan.timer = undefined
      this.#run(peer, plan)
    })
    return plan
  }

  #run(peer: PeerId, plan: Plan): void {
    if (this.#running.size >= PULLS_AT_ONCE) {
      this.#plan(peer, MOMENT_MS)
      return
    }
    plan.isRunning = true
    const running: Promise<void> = this.#compare(peer, plan)
      .catch((error: unknown) => {
        if (!this.#stopping.signal.aborted)
          this.#components.logger.debug('comparing the pinset with a peer failed', { peer, error })
      })
      .finally(() => {
        this.#running.delete(running)
        plan.isRunning = false
        plan.lastAtMs = this.#components.clock.monotonic()
        if (plan.gaps.size > 0) this.#plan(peer, AFTER_GAP_MS)
        else if (!this.#components.network.peers().includes(peer)) this.#plans.delete(peer)
      })
    this.#running.add(running)
  }

  async #compare(peer: PeerId, plan: Plan): Promise<void> {
    const { signal } = this.#stopping
    const gaps = [...plan.gaps]
    plan.gaps.clear()
    if (gaps.length > 0) await this.#pull(peer, gaps, { signal })
    const first = await this.#differences(peer, { signal })
    if (first.size === 0) return
    // What differs only because messages are under way is equal, or differs in another way, a moment later.
    await this.#components.clock.sleep(MOMENT_MS, signal)
    const second = await this.#differences(peer, { signal })
    const lasting = [...second].filter(([partition, digest]) => {
      const before = first.get(partition)
      return before !== undefined && equalBytes(before, digest)
    })
    if (lasting.length === 0) return
    this.#components.metrics.pulls.add(1)
    await this.#pull(
      peer,
      lasting.map(([partition]) => partition),
      { signal },
    )
  }

  /** Partitions in which the peer has another state, with its digest of each. */
  async #differences(peer: PeerId, options: Options): Promise<Map<number, Uint8Array>> {
    const { replica } = this.#components
    const differences = new Map<number, Uint8Array>()
    const theirs = await this.#askDigests(peer, { kind: 'groups' }, GROUPS_COUNT, options)
    const groups = theirs.flatMap((digest, group) =>
      equalBytes(digest, replica.digests.ofGroup(group)) ? [] : [group],
    )
    if (groups.length === 0) return differences
    const partitions = groups.flatMap(group => replica.digests.partitionsOf(group))
    const digests = await this.#askDigests(peer, { kind: 'partitions', groups }, partitions.length, options)
    partitions.forEach((partition, index) => {
      const digest = digests[index]
      const isNews = digest !== undefined && digest.some(byte => byte !== 0)
      if (isNews && !equalBytes(digest, replica.digests.ofPartition(partition)))
        differences.set(partition, digest)
    })
    return differences
  }

  async #askDigests(
    peer: PeerId,
    request: SyncRequest,
    count: number,
    options: Options,
  ): Promise<readonly Uint8Array[]> {
    for await (const answer of this.#request(peer, request, options)) {
      const { partitionsCount, digests } = decodeDigests(answer, count)
      if (partitionsCount === this.#partitionsCount) return digests
      const message = `peer ${peer} cuts its pinset into ${partitionsCount} partitions, this peer into ${this.#partitionsCount}: set consensus.crdt.partitions to the same number`
      this.#components.logger.error(message, { peer })
      throw new ClusterError('CONFIG_INVALID', message)
    }
    throw new ClusterError('PEER_UNREACHABLE', `peer ${peer} gave no digests`)
  }

  async #pull(peer: PeerId, partitions: readonly number[], options: Options): Promise<void> {
    for (let at = 0; at < partitions.length; at += PULL_MAX) {
      const slice = partitions.slice(at, at + PULL_MAX)
      const wanted = slice.map(partition => ({
        partition,
        clocks: this.#components.replica.headOf(partition).clocks,
      }))
      const missed = await this.#pullSome(peer, wanted, options)
      const whole = missed.map(partition => ({ partition, clocks: new Map<number, number>() }))
      if (whole.length > 0) await this.#pullSome(peer, whole, options)
    }
  }

  /** Fetches and merges; answers with the partitions in which something was still missing. */
  async #pullSome(
    peer: PeerId,
    partitions: readonly { partition: number; clocks: ReadonlyMap<number, number> }[],
    options: Options,
  ): Promise<number[]> {
    const missed: number[] = []
    const wanted = new Set(partitions.map(({ partition }) => partition))
    let parts: Uint8Array[] = []
    let bytes = 0
    for await (const message of this.#request(peer, { kind: 'pull', partitions }, options)) {
      const { partition, isLast, part } = decodeChunk(message)
      parts.push(part)
      bytes += part.length
      this.#components.metrics.pulledBytes.add(part.length)
      if (!wanted.has(partition) || bytes > UPDATE_BYTES_MAX) {
        throw new ClusterError('INVALID_ARGUMENT', `peer ${peer} sent something else than it was asked for`)
      }
      if (!isLast) continue
      if (!(await this.#components.replica.merge(partition, concatBytes(parts)))) missed.push(partition)
      wanted.delete(partition)
      parts = []
      bytes = 0
    }
    return missed
  }

  #request(peer: PeerId, request: SyncRequest, options: Options): AsyncIterable<Uint8Array> {
    const signal = AbortSignal.any([options.signal, AbortSignal.timeout(REQUEST_MS_MAX)])
    return this.#components.network.request(peer, SYNC_PROTOCOL, once(encodeRequest(request)), { signal })
  }

  async *#answer(input: AsyncIterable<Uint8Array>, options: Options): AsyncIterable<Uint8Array> {
    const { digests } = this.#components.replica
    for await (const message of input) {
      const request = decodeRequest(message)
      if (request.kind === 'groups') yield encodeDigests(this.#partitionsCount, digests.groups)
      else if (request.kind === 'partitions') {
        const partitions = request.groups.flatMap(group => digests.partitionsOf(group))
        yield encodeDigests(
          this.#partitionsCount,
          concatBytes(partitions.map(partition => digests.ofPartition(partition))),
        )
      } else yield* this.#export(request.partitions, options)
      return
    }
  }

  async *#export(
    partitions: readonly { partition: number; clocks: ReadonlyMap<number, number> }[],
    options: Options,
  ): AsyncIterable<Uint8Array> {
    for (const { partition, clocks } of partitions) {
      options.signal.throwIfAborted()
      if (partition >= this.#partitionsCount)
        throw new ClusterError('INVALID_ARGUMENT', `there is no partition ${partition}`)
      yield* toChunks(partition, await this.#components.replica.exportPartition(partition, clocks))
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort(new DOMException('stopped', 'AbortError'))
    for (const plan of this.#plans.values()) plan.timer?.[Symbol.dispose]()
    await this.#resources.disposeAsync()
    const ends = await Promise.allSettled(this.#running)
    for (const end of ends) {
      if (end.status === 'rejected')
        this.#components.logger.debug('a comparison ended', { error: messageOf(end.reason) })
    }
  }
}

async function* once(message: Uint8Array): AsyncGenerator<Uint8Array> {
  yield message
}
