import { SHARDS_COUNT } from './block-key.ts'

const ROUNDS_MAX = 5

/** How many bytes the blocks take: counted once in the background, kept up to date from then on. */
export class RepoSize {
  readonly #sizes: number[]
  readonly #versions: number[]
  readonly #countShard: (shard: number) => Promise<number>
  /** Resolves when the count is complete. */
  readonly counted: Promise<void>
  #isCounted: boolean

  /** `known` is what the last run left behind; undefined if it did not end in order, then all is counted. */
  constructor(
    known: number | undefined,
    countShard: (shard: number) => Promise<number>,
    signal: AbortSignal,
  ) {
    this.#sizes = Array.from({ length: SHARDS_COUNT }, () => 0)
    this.#versions = Array.from({ length: SHARDS_COUNT }, () => 0)
    this.#countShard = countShard
    if (known !== undefined) this.#sizes[0] = known
    this.#isCounted = known !== undefined
    this.counted = known === undefined ? this.#count(signal) : Promise.resolve()
    // Who needs the figure waits for `counted` and gets the error; nobody may need it.
    this.counted.catch(() => undefined)
  }

  /** Whether the count is complete. */
  get isCounted(): boolean {
    return this.#isCounted
  }

  get bytes(): number {
    return this.#sizes.reduce((sum, size) => sum + size, 0)
  }

  /** A block came (positive) or went (negative). */
  add(shard: number, bytes: number): void {
    this.#sizes[shard] = (this.#sizes[shard] ?? 0) + bytes
    this.#versions[shard] = (this.#versions[shard] ?? 0) + 1
  }

  async #count(signal: AbortSignal): Promise<void> {
    for (let shard = 0; shard < SHARDS_COUNT; shard++) {
      // Blocks that come or go while their shard is being counted may be in the count or not: count it again.
      for (let round = 0; round < ROUNDS_MAX; round++) {
        signal.throwIfAborted()
        const version = this.#versions[shard]
        const bytes = await this.#countShard(shard)
        this.#sizes[shard] = bytes
        if (version === this.#versions[shard]) break
      }
    }
    this.#isCounted = true
  }
}
