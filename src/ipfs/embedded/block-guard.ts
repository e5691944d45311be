import type { BlockKey } from './block-key.ts'

/**
 * Keeps garbage collection from blocks that somebody works with. Whoever relies on a block holds it from before looking for
 * it until it is protected otherwise (a record, or its age). Collection looks at one shard after the other; a block that
 * was held at any time since the look began is left alone, since what protects it may have been written after the look.
 */
export class BlockGuard {
  readonly #held = new Map<BlockKey, number>()
  readonly #removing = new Map<BlockKey, Promise<void>>()
  #sweep: { readonly shard: string; readonly released: Set<BlockKey> } | undefined

  /** Holds at once; resolves when no removal of the block is under way any more. Each hold needs a `release`. */
  async hold(key: BlockKey): Promise<void> {
    this.#held.set(key, (this.#held.get(key) ?? 0) + 1)
    await this.#removing.get(key)
  }

  release(key: BlockKey): void {
    const count = this.#held.get(key) ?? 0
    if (count > 1) this.#held.set(key, count - 1)
    else this.#held.delete(key)
    if (this.#sweep !== undefined && key.startsWith(this.#sweep.shard)) this.#sweep.released.add(key)
  }

  /** Begins to look at the blocks whose keys start so; until disposed, what is released counts as held. */
  beginSweep(shard: string): Disposable {
    this.#sweep = { shard, released: new Set() }
    return {
      [Symbol.dispose]: () => {
        this.#sweep = undefined
      },
    }
  }

  /** Runs a removal unless the block is held; holders that come later wait for its end. Answers whether it ran. */
  async remove(key: BlockKey, removal: () => Promise<void>): Promise<boolean> {
    if (this.#held.has(key) || this.#sweep?.released.has(key) === true || this.#removing.has(key))
      return false
    const done = Promise.withResolvers<void>()
    this.#removing.set(key, done.promise)
    try {
      await removal()
    } finally {
      this.#removing.delete(key)
      done.resolve()
    }
    return true
  }
}
