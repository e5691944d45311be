import { ClusterError, messageOf } from '../../errors.ts'
import type { ByteStore, StoreWrite } from '../../interfaces.ts'
import type { Clock } from '../../lib/clock.ts'
import type { Cid } from '../../model/cid.ts'
import type { BlockFiles } from './block-files.ts'
import { type BlockKey, blockKey, cidOfKey, SHARDS_COUNT, shardName } from './block-key.ts'
import {
  decodeEdge,
  decodePin,
  edgeStoreKey,
  edgesOfShard,
  pinIdStoreKey,
  pinsOfShard,
} from './store-keys.ts'

/** What collection needs. */
export interface CollectorComponents {
  readonly clock: Clock
  readonly store: ByteStore
  readonly files: BlockFiles
  /** Whether a pin of that id (in hexadecimal) is being made. */
  readonly isUnderWay: (id: string) => boolean
}

/** One result of collection. */
export interface Collected {
  readonly cid?: Cid
  readonly error?: string
}

const EDGES_A_BATCH = 1024

/**
 * Removes the blocks that no pin needs, shard after shard. Left alone are blocks of pins under way, held ones, and those
 * that were put less than the grace time ago: an add puts its blocks first and pins their root last.
 */
export class Collector {
  readonly #components: CollectorComponents
  readonly #graceMs: number
  #isRunning = false

  constructor(components: CollectorComponents, graceMs: number) {
    this.#components = components
    this.#graceMs = graceMs
  }

  async *collect(signal: AbortSignal): AsyncGenerator<Collected> {
    if (this.#isRunning) {
      throw new ClusterError(
        'CONFLICT',
        'garbage collection is under way on this IPFS node already: wait for its end',
      )
    }
    this.#isRunning = true
    try {
      for (let shard = 0; shard < SHARDS_COUNT; shard++) {
        signal.throwIfAborted()
        yield* this.#collectShard(shard, signal)
      }
    } finally {
      this.#isRunning = false
    }
  }

  async *#collectShard(shard: number, signal: AbortSignal): AsyncGenerator<Collected> {
    const { files, clock } = this.#components
    using _sweep = files.guard.beginSweep(shardName(shard))
    const putBeforeMs = clock.now() - this.#graceMs
    const keys = await files.keys(shard)
    const needed = await this.#neededIn(shard)
    for (const key of keys) {
      if (needed.has(key)) continue
      signal.throwIfAborted()
      try {
        if (await files.collect(key, putBeforeMs)) yield { cid: cidOfKey(key) }
      } catch (thrown) {
        yield { cid: cidOfKey(key), error: messageOf(thrown) }
      }
    }
  }

  /** The blocks of a shard that pins need. Entries of pins that are gone are removed on the way. */
  async #neededIn(shard: number): Promise<ReadonlySet<BlockKey>> {
    const { store } = this.#components
    const needed = new Set<BlockKey>()
    for await (const [, value] of store.entries(pinsOfShard(shard)))
      needed.add(blockKey(decodePin(value).cid))
    const isLive = new Map<string, boolean>()
    let edges: { readonly key: BlockKey; readonly id: string }[] = []
    for await (const storeKey of store.keys(edgesOfShard(shard))) {
      edges.push(decodeEdge(storeKey))
      if (edges.length < EDGES_A_BATCH) continue
      await this.#judge(edges, isLive, needed)
      edges = []
    }
    await this.#judge(edges, isLive, needed)
    return needed
  }

  async #judge(
    edges: readonly { readonly key: BlockKey; readonly id: string }[],
    isLive: Map<string, boolean>,
    needed: Set<BlockKey>,
  ): Promise<void> {
    const { store, isUnderWay } = this.#components
    const unknown = [...new Set(edges.map(edge => edge.id))].filter(id => !isLive.has(id))
    // First who is under way, then who is recorded: a pin that is completed meanwhile is found by one of the two.
    const underWay = unknown.map(isUnderWay)
    const recorded = await store.getMany(unknown.map(id => pinIdStoreKey(Buffer.from(id, 'hex'))))
    for (const [at, id] of unknown.entries())
      isLive.set(id, underWay[at] === true || recorded[at] !== undefined)
    const stale: StoreWrite[] = []
    for (const { key, id } of edges) {
      if (isLive.get(id) === true) needed.add(key)
      else stale.push({ key: edgeStoreKey(key, Buffer.from(id, 'hex')), value: undefined })
    }
    if (stale.length > 0) await store.batch(stale, { isSynced: false })
  }
}
