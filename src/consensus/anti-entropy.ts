import { messageOf } from '../errors.ts'
import type { Logger, Network, Options } from '../interfaces.ts'
import { equalBytes } from '../lib/bytes.ts'
import type { Clock } from '../lib/clock.ts'
import type { Instruments } from '../lib/instruments.ts'
import type { Random } from '../lib/random.ts'
import { repeat } from '../lib/repeat.ts'
import type { PeerId } from '../model/peer.ts'
import { type Behind, CatchUp } from './catch-up.ts'
import { GROUPS_COUNT } from './digests.ts'
import { DIGEST_BYTES, digestOf } from './head.ts'
import { digestOfClients } from './meta.ts'
import type { METRICS } from './metrics.ts'
import type { RetiredList, Sharing } from './sharing.ts'
import { SyncClient } from './sync-client.ts'
import { type Overview, SYNC_PROTOCOL } from './sync-protocol.ts'
import { SyncServer } from './sync-server.ts'

/** What comparing needs. */
export interface AntiEntropyComponents {
  readonly network: Pick<Network, 'self' | 'peers' | 'onPeer' | 'request' | 'serve'>
  readonly sharing: Sharing
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly metrics: Instruments<typeof METRICS>
}

/** A difference that is younger than this is most likely a message under way. */
const MOMENT_MS = 500
const AFTER_CONNECT_MS = 50
const AFTER_GAP_MS = 200
/** Least time between two comparisons with the same peer; it doubles with each that brought nothing. */
const PAUSE_MS = 1000
const PAUSE_MS_MAX = 60_000
const COMPARED_AT_ONCE = 3
const ERRORS_COUNTED_MAX = 4
const NOTHING = new Uint8Array(DIGEST_BYTES)

interface Plan {
  timer: Disposable | undefined
  isRunning: boolean
  /** Partitions known to lack something that this peer has; empty = compare everything. */
  readonly gaps: Set<number>
  lastAtMs: number
  /** Comparisons in a row that found a difference and brought nothing. */
  fruitless: number
}

/**
 * Finds and fetches what this peer lacks: root digest → groups → partitions → what is missing in each. Each side
 * fetches for itself, and only from peers that it trusts; whoever is behind notices it by the other's digest.
 */
export class AntiEntropy implements AsyncDisposable {
  readonly #components: AntiEntropyComponents
  readonly #client: SyncClient
  readonly #catchUp: CatchUp
  readonly #rootDigest: () => string
  readonly #plans = new Map<PeerId, Plan>()
  readonly #stopping = new AbortController()
  readonly #running = new Set<Promise<void>>()
  readonly #resources = new AsyncDisposableStack()

  constructor(
    components: AntiEntropyComponents,
    config: { repairIntervalMs: number; rootDigest: () => string },
  ) {
    this.#components = components
    this.#rootDigest = config.rootDigest
    const { network, sharing, clock, random, logger } = components
    const { replica, partitionsCount } = sharing
    this.#client = new SyncClient(network, logger, partitionsCount)
    this.#catchUp = new CatchUp({ ...components, replica, client: this.#client })
    const server = new SyncServer(sharing, clock)
    this.#resources.use(
      network.serve(SYNC_PROTOCOL, (input, from, options) => server.answer(input, from, options)),
    )
    this.#resources.use(
      network.onPeer(({ peer, isConnected }) => isConnected && this.#plan(peer, AFTER_CONNECT_MS, true)),
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
    if (peer !== this.#components.network.self && rootDigest !== this.#rootDigest())
      this.#plan(peer, MOMENT_MS)
  }

  #planGap(from: PeerId, partition: number): void {
    const peers = this.#components.network
      .peers()
      .filter(peer => this.#components.sharing.trust.isTrusted(peer))
    const peer = peers.includes(from)
      ? from
      : peers[Math.floor(this.#components.random.next() * peers.length)]
    if (peer === undefined) return
    this.#plan(peer, AFTER_GAP_MS, true)?.gaps.add(partition)
  }

  /** With `isFresh` there is a new reason, for which it does not matter how often comparing brought nothing. */
  #plan(peer: PeerId, afterMs: number, isFresh = false): Plan | undefined {
    if (this.#stopping.signal.aborted || !this.#components.sharing.trust.isTrusted(peer)) return undefined
    const known = this.#plans.get(peer)
    const plan: Plan = known ?? {
      timer: undefined,
      isRunning: false,
      gaps: new Set(),
      lastAtMs: Number.NEGATIVE_INFINITY,
      fruitless: 0,
    }
    this.#plans.set(peer, plan)
    if (isFresh && plan.fruitless > 0) {
      plan.fruitless = 0
      plan.timer?.[Symbol.dispose]()
      plan.timer = undefined
    }
    if (plan.timer !== undefined || plan.isRunning) return plan
    const { clock } = this.#components
    const waitMs = Math.max(afterMs, plan.lastAtMs + pauseMs(plan) - clock.monotonic())
    plan.timer = clock.schedule(waitMs, () => {
      plan.timer = undefined
      this.#run(peer, plan)
    })
    return plan
  }

  #run(peer: PeerId, plan: Plan): void {
    if (this.#running.size >= COMPARED_AT_ONCE) {
      this.#plan(peer, MOMENT_MS)
      return
    }
    const { trust } = this.#components.sharing
    if (!trust.isTrusted(peer)) return
    plan.isRunning = true
    const distrusted = new AbortController()
    const watching = trust.onChanged(changed => {
      if (changed === peer && !trust.isTrusted(peer))
        distrusted.abort(new DOMException('the peer is not trusted any more', 'AbortError'))
    })
    const signal = AbortSignal.any([this.#stopping.signal, distrusted.signal])
    const running: Promise<void> = this.#compare(peer, plan, { signal })
      .catch((error: unknown) => {
        plan.fruitless = Math.min(plan.fruitless + 1, ERRORS_COUNTED_MAX)
        if (!this.#stopping.signal.aborted)
          this.#components.logger.debug('comparing the pinset with a peer failed', { peer, error })
      })
      .finally(() => {
        watching[Symbol.dispose]()
        this.#running.delete(running)
        plan.isRunning = false
        plan.lastAtMs = this.#components.clock.monotonic()
        if (plan.gaps.size > 0) this.#plan(peer, AFTER_GAP_MS)
        else if (!this.#components.network.peers().includes(peer)) this.#plans.delete(peer)
      })
    this.#running.add(running)
  }

  async #compare(peer: PeerId, plan: Plan, options: Options): Promise<void> {
    const { metrics, clock, sharing } = this.#components
    const gaps = new Map([...plan.gaps].map(partition => [partition, new Uint8Array()]))
    plan.gaps.clear()
    const overview = await this.#client.overview(peer, options)
    await this.#learnTrust(peer, overview, options)
    const theirs = await this.#learnRetired(peer, overview, options)
    if (gaps.size > 0) await this.#catchUp.fetch(peer, gaps, theirs, options)
    const first = await this.#differences(peer, overview, options)
    if (first.size === 0) {
      const isEqual = equalBytes(overview.trust, sharing.trust.digest)
      plan.fruitless = isEqual ? 0 : plan.fruitless + 1
      return
    }
    // What differs only because messages are under way is equal, or differs in another way, a moment later.
    await clock.sleep(MOMENT_MS, options.signal)
    const second = await this.#differences(peer, await this.#client.overview(peer, options), options)
    const lasting = [...second].filter(([partition, digest]) => {
      const before = first.get(partition)
      return before !== undefined && equalBytes(before, digest)
    })
    if (lasting.length === 0) return
    metrics.pulls.add(1)
    const newsCount = await this.#catchUp.fetch(peer, new Map(lasting), theirs, options)
    plan.fruitless = newsCount > 0 ? 0 : plan.fruitless + 1
  }

  /** Takes over what was said of whom to trust. */
  async #learnTrust(peer: PeerId, overview: Overview, options: Options): Promise<void> {
    const { replica, trust } = this.#components.sharing
    if (equalBytes(overview.trust, trust.digest)) return
    const words = await this.#client.trust(peer, options)
    await replica.alone(() => trust.merge(words, peer, replica))
  }

  /**
   * Answers with the writers that the peer has retired, and retires them here too: after fetching every partition in
   * which the two differ, so that this peer, too, has seen everything of them.
   */
  async #learnRetired(peer: PeerId, overview: Overview, options: Options): Promise<RetiredList> {
    const { replica } = this.#components.sharing
    const { committed } = replica
    const { retired: digest } = overview
    if (equalBytes(digest, committed.retiredDigest)) return { clients: new Set(committed.retired), digest }
    const clients = await this.#client.retired(peer, options)
    const theirs = { clients, digest: digestOfClients(clients) }
    const news = new Set(clients)
    for (const client of [...committed.retired, replica.client]) news.delete(client)
    if (news.size === 0) return theirs
    const both = new Set([...committed.retired, ...clients])
    const behind = new Map<number, Uint8Array>()
    const groups = Array.from({ length: GROUPS_COUNT }, (_, group) => group)
    for (const [partition, theirDigest] of await this.#digestsOf(peer, groups, options)) {
      const own = digestOf(partition, committed.headOf(partition), both)
      if (!equalBytes(own, theirDigest)) behind.set(partition, theirDigest)
    }
    if (behind.size > 0) await this.#catchUp.fetchAll(peer, behind, theirs, options)
    await replica.retire(news)
    return theirs
  }

  /** Partitions in which the peer has another state, with its digest of each. */
  async #differences(peer: PeerId, overview: Overview, options: Options): Promise<Behind> {
    const { digests } = this.#components.sharing.replica.committed
    const groups = overview.groups.flatMap((digest, group) =>
      equalBytes(digest, digests.ofGroup(group)) ? [] : [group],
    )
    if (groups.length === 0) return new Map()
    const theirs = await this.#digestsOf(peer, groups, options)
    // Who has nothing has nothing to give, unless what it had was deleted and forgotten.
    const isEmptyNews = !equalBytes(overview.retired, NOTHING)
    return new Map(
      theirs.filter(
        ([partition, digest]) =>
          !equalBytes(digest, digests.ofPartition(partition)) &&
          (isEmptyNews || !equalBytes(digest, NOTHING)),
      ),
    )
  }

  async #digestsOf(
    peer: PeerId,
    groups: readonly number[],
    options: Options,
  ): Promise<(readonly [partition: number, digest: Uint8Array])[]> {
    const { digests } = this.#components.sharing.replica.committed
    const partitions = groups.flatMap(group => digests.partitionsOf(group))
    const theirs = await this.#client.digests(peer, groups, partitions.length, options)
    return partitions.map((partition, index) => [partition, theirs[index] ?? new Uint8Array()])
  }

  /** Partitions of which another peer is known to have more than this one. */
  get behindCount(): number {
    return this.#catchUp.behindCount
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

function pauseMs({ fruitless }: Plan): number {
  return Math.min(PAUSE_MS_MAX, PAUSE_MS * 2 ** Math.min(fruitless, 10))
}
