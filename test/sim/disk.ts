import assert from 'node:assert/strict'
import { ClusterError } from '../../src/errors.ts'
import type { ByteStore, KeyRange, StoreWrite } from '../../src/interfaces.ts'
import type { Clock } from '../../src/lib/clock.ts'
import type { Random } from '../../src/lib/random.ts'
import { type MemoryStore, openMemoryStore } from '../../src/store/memory.ts'
import type { Life } from './life.ts'

const FOREVER = new AbortController().signal

/** What goes wrong with a disk. May be changed at any time. */
export interface DiskFaults {
  /** Chance for each write to fail. Whether it has reached the disk all the same is decided by a coin. */
  writeErrorShare: number
  /** Chance for each read to fail. */
  readErrorShare: number
  /** Every write fails before it reaches the disk, and so does opening again. */
  isFull: boolean
  /** Longest time of a write, milliseconds. */
  latencyMaxMs: number
}

/** Ways in which a disk departs from what it promises, to see whether the simulation notices. */
export interface DiskLies {
  /** A synced batch is reported before it is synced. */
  readonly answersBeforeSync: boolean
  /** A power cut may leave the first half of a batch that was being written. */
  readonly tearsBatches: boolean
}

/** What a disk works with. */
export interface DiskParts {
  readonly clock: Clock
  readonly random: Random
  readonly lies: DiskLies
  /** Told of every batch at the moment at which readers see it. */
  readonly onBatch: (writes: readonly StoreWrite[]) => void
}

/**
 * A disk with one byte store on it, which outlives the process that uses it. Like the real store it takes no write after one
 * has failed until it was opened again, and a power cut takes what was not synced: the newest batches, each as a whole.
 */
export class Disk {
  readonly faults: DiskFaults = { writeErrorShare: 0, readErrorShare: 0, isFull: false, latencyMaxMs: 2 }
  readonly #parts: DiskParts
  #memory: MemoryStore = openMemoryStore()
  /** The batch that is under way to the disk. */
  #pending: readonly StoreWrite[] | undefined
  /** A failed batch that has reached the disk all the same; shows when the store is opened again. */
  #hidden: readonly StoreWrite[] | undefined
  #isBroken = false
  #backup: MemoryStore | undefined
  #onNextWrite: (() => void) | undefined

  constructor(parts: DiskParts) {
    this.#parts = parts
  }

  /** What stands on the disk now, for those who look from outside. */
  get contents(): MemoryStore {
    return this.#memory
  }

  /** The store as one life of a process sees it: with what failed and reached the disk all the same. */
  async open(life: Life): Promise<ByteStore> {
    await this.#showHidden()
    this.#isBroken = false
    return new OpenDisk(this, life)
  }

  /** Resolves when a batch is on its way to the disk, or after a while without one. */
  async nextWrite(limitMs: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#onNextWrite = resolve
    using _limit = this.#parts.clock.schedule(limitMs, resolve)
    await promise
  }

  /** The power fails: of what was not synced, and of the batch under way, the oldest part is left. */
  async cutPower(): Promise<void> {
    const { random, lies } = this.#parts
    const kept = random.next()
    await this.#showHidden()
    this.#memory = this.#memory.afterCrash(kept < 0.3 ? 0 : kept > 0.7 ? 1 : random.next())
    const torn = this.#pending
    this.#pending = undefined
    if (torn === undefined || kept <= 0.7) return
    if (lies.tearsBatches) await this.#memory.batch(torn.slice(0, torn.length >> 1), { isSynced: true })
    else if (kept > 0.85) await this.#memory.batch(torn, { isSynced: true })
  }

  /** The process is killed: what was written is left, the batch under way perhaps. */
  async kill(): Promise<void> {
    await this.#showHidden()
    const torn = this.#pending
    this.#pending = undefined
    if (torn !== undefined && this.#parts.random.next() < 0.5)
      await this.#memory.batch(torn, { isSynced: false })
  }

  /** Remembers the present state. */
  backUp(): void {
    this.#backup = this.#memory.copy()
  }

  get hasBackup(): boolean {
    return this.#backup !== undefined
  }

  /** Puts the disk back to the last backup. */
  restore(): void {
    assert.ok(this.#backup, 'there is no backup')
    this.#memory = this.#backup.copy()
    this.#pending = undefined
    this.#hidden = undefined
  }

  /** Whether writes fail these days. */
  get isFailing(): boolean {
    return this.faults.isFull || this.faults.writeErrorShare > 0
  }

  read<Result>(read: (store: MemoryStore) => Result): Result {
    if (this.#chance(this.faults.readErrorShare))
      throw new ClusterError('STORE_FAILED', 'simulated: the disk cannot be read')
    return read(this.#memory)
  }

  async batch(life: Life, writes: readonly StoreWrite[], isSynced: boolean): Promise<void> {
    const { clock, random, lies, onBatch } = this.#parts
    if (this.#isBroken) throw new ClusterError('STORE_FAILED', 'simulated: the store was not opened again')
    this.#pending = writes
    this.#onNextWrite?.()
    this.#onNextWrite = undefined
    await clock.sleep(random.next() * this.faults.latencyMaxMs, FOREVER)
    await life.goOn()
    this.#pending = undefined
    if (this.faults.isFull || this.#chance(this.faults.writeErrorShare)) {
      this.#isBroken = true
      if (!this.faults.isFull && random.next() < 0.5) this.#hidden = writes
      throw new ClusterError('STORE_FAILED', 'simulated: the disk takes no writes')
    }
    const done = this.#memory.batch(writes, { isSynced: isSynced && !lies.answersBeforeSync })
    onBatch(writes)
    await done
  }

  async reopen(life: Life): Promise<void> {
    const { clock, random } = this.#parts
    await clock.sleep(random.next() * 10, FOREVER)
    await life.goOn()
    if (this.faults.isFull) throw new ClusterError('STORE_FAILED', 'simulated: no space left on the disk')
    await this.#showHidden()
    this.#isBroken = false
  }

  async #showHidden(): Promise<void> {
    const hidden = this.#hidden
    this.#hidden = undefined
    if (hidden === undefined) return
    const done = this.#memory.batch(hidden, { isSynced: true })
    this.#parts.onBatch(hidden)
    await done
  }

  #chance(share: number): boolean {
    return share > 0 && this.#parts.random.next() < share
  }
}

/** The store in one life. Batches are written one after the other. */
class OpenDisk implements ByteStore {
  readonly #disk: Disk
  readonly #life: Life
  #last: Promise<unknown> = Promise.resolve()
  #isClosed = false

  constructor(disk: Disk, life: Life) {
    this.#disk = disk
    this.#life = life
  }

  async get(key: Uint8Array): Promise<Uint8Array | undefined> {
    return this.#read(store => store.get(key))
  }

  async getMany(keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]> {
    return this.#read(store => store.getMany(keys))
  }

  async *entries(range: KeyRange): AsyncIterable<readonly [key: Uint8Array, value: Uint8Array]> {
    const source = await this.#read(async store => store.copy().entries(range))
    for await (const entry of source) {
      await this.#life.goOn()
      yield entry
    }
  }

  async *pages(range: KeyRange): AsyncIterable<readonly (readonly [key: Uint8Array, value: Uint8Array])[]> {
    const source = await this.#read(async store => store.copy().pages(range))
    for await (const page of source) {
      await this.#life.goOn()
      yield page
    }
  }

  async *keys(range: KeyRange): AsyncIterable<Uint8Array> {
    for await (const [key] of this.entries(range)) yield key
  }

  async sizeBytes(from: Uint8Array, to: Uint8Array): Promise<number> {
    return this.#read(store => store.sizeBytes(from, to))
  }

  async batch(writes: readonly StoreWrite[], options: { readonly isSynced: boolean }): Promise<void> {
    this.#checkOpen()
    const before = this.#last
    const done = this.#life.bind(
      before.then(async () => {
        await this.#life.goOn()
        await this.#disk.batch(this.#life, writes, options.isSynced)
      }),
    )
    this.#last = done.catch(() => undefined)
    await done
  }

  async reopen(): Promise<void> {
    await this.#life.bind(this.#disk.reopen(this.#life))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true
  }

  #read<Result>(read: (store: MemoryStore) => Promise<Result>): Promise<Result> {
    this.#checkOpen()
    return this.#life.bind(this.#life.isOver ? new Promise<Result>(() => undefined) : this.#disk.read(read))
  }

  #checkOpen(): void {
    if (this.#isClosed) throw new ClusterError('STORE_FAILED', 'simulated: the store is closed')
  }
}
