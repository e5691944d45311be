import { ClusterError } from '../errors.ts'
import type { Logger, Options } from '../interfaces.ts'
import { equalBytes } from '../lib/bytes.ts'
import type { Clock } from '../lib/clock.ts'
import type { Instruments } from '../lib/instruments.ts'
import type { PeerId } from '../model/peer.ts'
import type { METRICS } from './metrics.ts'
import type { Replica } from './replica.ts'
import type { RetiredList } from './sharing.ts'
import type { SyncClient } from './sync-client.ts'
import { CLOCKS_TOLD_MAX, PULL_MAX, type PulledState } from './sync-protocol.ts'

/** What catching up needs. */
export interface CatchUpComponents {
  readonly client: SyncClient
  readonly replica: Replica
  readonly clock: Clock
  readonly logger: Logger
  readonly metrics: Instruments<typeof METRICS>
}

/** A partition that is behind, and the digest that the other peer has of it. */
export type Behind = ReadonlyMap<number, Uint8Array>

/** Questions under way at one peer, which answers four at a time. */
const LANES = 3
/** Merges under way for one question: while some are written the next ones are on their way. */
const MERGES_AT_ONCE = 16
/** Fewer than this are the daily business and not worth a line in the log. */
const TOLD_FROM = 256
const TELL_EVERY_MS = 5000

/**
 * Fetches partitions from several peers at once, each partition from one peer at a time. Every partition that has come
 * is kept, so that what was interrupted goes on where it stopped.
 */
export class CatchUp {
  readonly #components: CatchUpComponents
  readonly #claimed = new Set<number>()
  /** Partitions known to be behind, those that are being fetched included. */
  readonly #behind = new Set<number>()
  #wholeCount = 0
  #sinceMs = 0
  #toldAtMs = 0
  #bytes = 0

  constructor(components: CatchUpComponents) {
    this.#components = components
    components.metrics.behind.observe(() => this.#behind.size)
  }

  /** Partitions of which another peer is known to have more than this one. */
  get behindCount(): number {
    return this.#behind.size
  }

  /** Fetches what nobody else fetches already. Answers with how many partitions brought news. */
  async fetch(peer: PeerId, behind: Behind, retired: RetiredList, options: Options): Promise<number> {
    this.#begin(behind)
    try {
      const lanes = Array.from({ length: LANES }, () => this.#fetchLane(peer, behind, retired, options))
      const ends = await Promise.allSettled(lanes)
      let newsCount = 0
      for (const end of ends) {
        if (end.status === 'rejected') throw end.reason
        newsCount += end.value
      }
      return newsCount
    } finally {
      this.#end(behind)
    }
  }

  async #fetchLane(peer: PeerId, behind: Behind, retired: RetiredList, options: Options): Promise<number> {
    let newsCount = 0
    for (;;) {
      const slice = this.#claim(behind)
      if (slice.length === 0) return newsCount
      try {
        newsCount += await this.#fetchSlice(peer, slice, retired, options)
      } finally {
        for (const partition of slice) this.#claimed.delete(partition)
      }
    }
  }

  /** Fetches all of them from this peer, whatever comes from others. Throws when one of them can't be merged. */
  async fetchAll(peer: PeerId, behind: Behind, retired: RetiredList, options: Options): Promise<void> {
    const partitions = [...behind.keys()]
    for (let at = 0; at < partitions.length; at += PULL_MAX)
      await this.#fetchSlice(peer, partitions.slice(at, at + PULL_MAX), retired, options)
  }

  #begin(behind: Behind): void {
    if (this.#behind.size === 0) {
      this.#sinceMs = this.#components.clock.monotonic()
      this.#toldAtMs = this.#sinceMs
      this.#wholeCount = 0
      this.#bytes = 0
    }
    for (const partition of behind.keys()) this.#behind.add(partition)
    this.#wholeCount = Math.max(this.#wholeCount, this.#behind.size)
  }

  #end(behind: Behind): void {
    for (const partition of behind.keys()) if (!this.#claimed.has(partition)) this.#behind.delete(partition)
    if (this.#behind.size > 0 || this.#wholeCount < TOLD_FROM) return
    this.#components.logger.info('caught up with the pinset', {
      partitions: this.#wholeCount,
      pins: this.#components.replica.pinsCount,
      bytes: this.#bytes,
      seconds: Math.round((this.#components.clock.monotonic() - this.#sinceMs) / 100) / 10,
    })
  }

  /** The next partitions that are still behind and that nobody fetches. */
  #claim(behind: Behind): number[] {
    const slice: number[] = []
    const { digests } = this.#components.replica.committed
    for (const [partition, digest] of behind) {
      if (slice.length >= PULL_MAX) break
      if (!this.#behind.has(partition) || this.#claimed.has(partition)) continue
      if (equalBytes(digests.ofPartition(partition), digest)) {
        this.#behind.delete(partition)
        continue
      }
      this.#claimed.add(partition)
      slice.push(partition)
    }
    return slice
  }

  async #fetchSlice(
    peer: PeerId,
    slice: readonly number[],
    retired: RetiredList,
    options: Options,
  ): Promise<number> {
    const { committed } = this.#components.replica
    const asked = slice.map(partition => {
      const { clocks } = committed.headOf(partition)
      return { partition, clocks: clocks.size > CLOCKS_TOLD_MAX ? new Map<number, number>() : clocks }
    })
    const first = await this.#merge(peer, asked, retired, options)
    const whole = first.missing.map(partition => ({ partition, clocks: new Map<number, number>() }))
    if (whole.length === 0) return first.newsCount
    const second = await this.#merge(peer, whole, retired, options)
    if (second.missing.length > 0) {
      throw new ClusterError(
        'CONFLICT',
        `peer ${peer} sent ${second.missing.length} partitions of which something is missing`,
      )
    }
    return first.newsCount + second.newsCount
  }

  /** Fetches and merges; tells in which partitions something before the answer was missing. */
  async #merge(
    peer: PeerId,
    asked: readonly { readonly partition: number; readonly clocks: ReadonlyMap<number, number> }[],
    retired: RetiredList,
    options: Options,
  ): Promise<{ missing: number[]; newsCount: number }> {
    const missing: number[] = []
    let newsCount = 0
    const merging = new Set<Promise<void>>()
    const failures: unknown[] = []
    const mergeOne = async (partition: number, state: PulledState) => {
      if (!equalBytes(state.retiredDigest, retired.digest))
        throw new ClusterError('CONFLICT', `peer ${peer} has retired writers in the meantime`)
      const foreign = { ...state, retired: retired.clients }
      const outcome = await this.#components.replica.merge(partition, foreign)
      if (outcome === 'missing') missing.push(partition)
      else this.#behind.delete(partition)
      if (outcome === 'news') newsCount++
      this.#tell(peer)
    }
    try {
      for await (const { partition, state, bytes } of this.#components.client.pull(peer, asked, options)) {
        this.#bytes += bytes
        this.#components.metrics.pulledBytes.add(bytes)
        const one: Promise<void> = mergeOne(partition, state)
          .catch((thrown: unknown) => void failures.push(thrown))
          .finally(() => merging.delete(one))
        merging.add(one)
        if (merging.size >= MERGES_AT_ONCE) await Promise.race(merging)
        if (failures.length > 0) throw failures[0]
      }
    } finally {
      await Promise.all(merging)
    }
    if (failures.length > 0) throw failures[0]
    return { missing, newsCount }
  }

  #tell(peer: PeerId): void {
    const nowMs = this.#components.clock.monotonic()
    if (this.#wholeCount < TOLD_FROM || nowMs - this.#toldAtMs < TELL_EVERY_MS) return
    this.#toldAtMs = nowMs
    this.#components.logger.info('catching up with the pinset', {
      peer,
      done: this.#wholeCount - this.#behind.size,
      of: this.#wholeCount,
      bytes: this.#bytes,
    })
  }
}
