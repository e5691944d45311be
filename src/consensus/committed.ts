import type { ByteStore } from '../interfaces.ts'
import type { Digests } from './digests.ts'
import { EMPTY_HEAD, type Head } from './head.ts'
import type { HlcTime } from './hlc.ts'
import { digestOfClients, readState } from './meta.ts'

/** What stands in the store, as far as it is kept in memory: a head for each partition, digests, and who has ended. */
export class Committed {
  readonly heads: ReadonlyMap<number, Head>
  readonly digests: Digests
  /** Writers that have ended, and of whom this peer knows everything. */
  readonly retired: ReadonlySet<number>
  /** Client ids of this peer's own runs before this one that are not retired. */
  ended: ReadonlySet<number>
  pinsCount: number
  /** The latest time that was given out or followed before. */
  readonly time: HlcTime
  readonly #heads: Map<number, Head>
  readonly #retired: Set<number>
  #retiredDigest: Uint8Array | undefined

  private constructor(state: Awaited<ReturnType<typeof readState>>) {
    this.#heads = state.heads
    this.heads = state.heads
    this.digests = state.digests
    this.#retired = state.retired
    this.retired = state.retired
    this.ended = state.ownWriters
    this.pinsCount = state.own.pinsCount
    this.time = state.own.time
  }

  /** Reads it. `STORE_VERSION`, `CONFIG_INVALID` or `STORE_FAILED` when that can't be done. */
  static async read(store: ByteStore, partitionsCount: number): Promise<Committed> {
    return new Committed(await readState(store, partitionsCount))
  }

  headOf(partition: number): Head {
    return this.#heads.get(partition) ?? EMPTY_HEAD
  }

  setHead(partition: number, head: Head): void {
    this.#heads.set(partition, head)
    this.digests.update(partition, head)
  }

  /** Digest of the retired writers, equal on peers that have retired the same. */
  get retiredDigest(): Uint8Array {
    this.#retiredDigest ??= digestOfClients(this.#retired)
    return this.#retiredDigest
  }

  /** Partitions in which one of these writers is counted. */
  partitionsWith(clients: ReadonlySet<number>): number[] {
    const isOne = (client: number) => clients.has(client)
    return [...this.#heads].flatMap(([partition, { clocks }]) =>
      [...clocks.keys()].some(isOne) ? [partition] : [],
    )
  }

  /** Counts every writer again. */
  forgetRetired(): void {
    this.#retired.clear()
    this.#retiredDigest = undefined
    for (const [partition, head] of this.#heads) this.digests.update(partition, head)
  }

  /** Counts writers no more; answers with the partitions whose digests may be others now. */
  retire(clients: ReadonlySet<number>, ended: ReadonlySet<number>): number[] {
    for (const client of clients) this.#retired.add(client)
    this.#retiredDigest = undefined
    this.ended = ended
    const partitions = this.partitionsWith(clients)
    for (const partition of partitions) this.digests.update(partition, this.headOf(partition))
    return partitions
  }
}
