import { messageOf } from '../errors.ts'
import type { ByteStore, Logger, StoreWrite } from '../interfaces.ts'
import { backoffMs } from '../lib/backoff.ts'
import { nextTurn } from '../lib/breath.ts'
import { concatBytes } from '../lib/bytes.ts'
import type { Clock } from '../lib/clock.ts'
import { Pause } from '../lib/pause.ts'
import type { Random } from '../lib/random.ts'

const PREFIX = new TextEncoder().encode('tracker/changed/')
const PREFIX_END = new TextEncoder().encode('tracker/changed0')
const BATCH_MAX = 1024
const NOTHING = new Uint8Array(0)
const RETRY = { firstMs: 500, maxMs: 30_000 }
/** Names that are done with may stay in the store for so long: finding one after a crash costs one more look at it. */
const DELETES_WAIT_MS = 100

/** What the journal needs, and how many names it may have in memory. */
export interface JournalParts {
  readonly windowMax: number
  readonly store: ByteStore
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
}

/**
 * The names of CIDs whose entry changed and for which an unpin is not ruled out or done yet, on disk. An entry that is
 * gone leaves no other trace: a peer that dies between the removal and the unpin would keep the content for ever.
 * Names are written as the change is heard of, many in one batch, and nobody waits for it; what was ruled out before
 * it was written is not written, and what is done with is taken out with what is written next, or a little later. Not synced
 * one by one: a power cut can lose the names of the last moments.
 *
 * Some thousand names are in memory too. The others are put aside, on disk only, and recalled when there is room again.
 */
export class ChangeJournal implements AsyncDisposable {
  readonly #parts: JournalParts
  /** Names that are in memory, and in the store or on the way there. */
  readonly #held = new Set<string>()
  /** Those of them that the store has, or may have. */
  readonly #stored = new Set<string>()
  /** What the store does not know yet: names to put there, and names to take out. */
  readonly #puts = new Set<string>()
  readonly #deletes = new Set<string>()
  readonly #stopping = new AbortController()
  readonly #pause: Pause
  #writing: Promise<void> | undefined
  #cleaning: Disposable | undefined
  #isCleaningDue = false
  /** Behind which recalling goes on; undefined: at the beginning. */
  #cursor: Uint8Array | undefined
  /** Some names are on disk only; and some were put there since recalling began at the beginning. */
  #hasAside = false
  #wasPutAside = false

  private constructor(parts: JournalParts) {
    this.#parts = parts
    this.#pause = new Pause(parts.clock, this.#stopping.signal)
  }

  /** Reads back what an earlier run left, as far as there is room. */
  static async open(parts: JournalParts): Promise<ChangeJournal> {
    const journal = new ChangeJournal(parts)
    await journal.recall()
    return journal
  }

  /** The names that are in memory. */
  names(): Iterable<string> {
    return this.#held
  }

  get size(): number {
    return this.#held.size
  }

  /** Whether one more name may be added. */
  get hasRoom(): boolean {
    return this.#held.size < this.#parts.windowMax
  }

  /** Whether there are names to recall, and it is time to do so. */
  get isRecallDue(): boolean {
    return this.#hasAside && this.#held.size * 2 <= this.#parts.windowMax
  }

  /** Whether some names are on disk only. */
  get hasAside(): boolean {
    return this.#hasAside
  }

  add(name: string): void {
    if (this.#held.has(name)) return
    this.#held.add(name)
    this.#write(name, true)
  }

  delete(name: string): void {
    if (this.#held.delete(name) || this.#hasAside) this.#write(name, false)
  }

  /** Keeps a name on disk only. */
  putAside(name: string): void {
    this.#hasAside = true
    this.#wasPutAside = true
    this.#held.delete(name)
    this.#write(name, true)
    this.#stored.delete(name)
  }

  /**
   * Takes names into memory that are on disk only, as many as there is room for, going on from the last time. Answers with
   * them, and whether the end was reached: what was put aside meanwhile comes in the next round.
   */
  async recall(): Promise<{ readonly names: readonly string[]; readonly isEnd: boolean }> {
    if (this.#cursor === undefined) {
      await this.#writing
      this.#wasPutAside = false
    }
    const from = this.#cursor === undefined ? { gte: PREFIX } : { gt: this.#cursor }
    const names: string[] = []
    for await (const key of this.#parts.store.keys({ ...from, lt: PREFIX_END })) {
      if (!this.hasRoom) {
        this.#hasAside = true
        return { names, isEnd: false }
      }
      this.#cursor = key
      const name = Buffer.from(key.subarray(PREFIX.length)).toString('latin1')
      if (this.#held.has(name) || this.#deletes.has(name)) continue
      this.#held.add(name)
      this.#stored.add(name)
      names.push(name)
    }
    this.#cursor = undefined
    this.#hasAside = this.#wasPutAside
    return { names, isEnd: true }
  }

  /** Resolves when the store knows everything, or the attempt failed that was under way when closing. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort(new DOMException('closing', 'AbortError'))
    this.#clean()
    await this.#writing
  }

  #write(name: string, isPut: boolean): void {
    this.#puts.delete(name)
    this.#deletes.delete(name)
    if (isPut && !this.#stored.has(name)) this.#puts.add(name)
    if (!isPut && (this.#stored.has(name) || this.#hasAside)) this.#deletes.add(name)
    if (this.#hasWork) this.#writing ??= this.#writeAll()
    else if (this.#deletes.size > 0)
      this.#cleaning ??= this.#parts.clock.schedule(DELETES_WAIT_MS, () => this.#clean())
  }

  get #hasWork(): boolean {
    const isCleaning = this.#isCleaningDue && this.#deletes.size > 0
    return this.#puts.size > 0 || this.#deletes.size >= BATCH_MAX || isCleaning
  }

  /** Takes out what is done with. */
  #clean(): void {
    this.#cleaning?.[Symbol.dispose]()
    this.#cleaning = undefined
    this.#isCleaningDue = this.#deletes.size > 0
    if (this.#hasWork) this.#writing ??= this.#writeAll()
  }

  /** Remembers what was handed to the store, before the outcome: what changes meanwhile is written behind it. */
  #note(name: string, isPut: boolean): void {
    if (isPut && this.#held.has(name)) this.#stored.add(name)
    else this.#stored.delete(name)
  }

  async #writeAll(): Promise<void> {
    let failures = 0
    // Most changes are additions, and ruled out by the look that follows at once: those are never written.
    await nextTurn()
    while (this.#hasWork) {
      const puts = [...this.#puts.values().take(BATCH_MAX)].map(name => [name, true] as const)
      const deletes = [...this.#deletes.values().take(BATCH_MAX)].map(name => [name, false] as const)
      const batch = [...puts, ...deletes]
      for (const [name, isPut] of batch) {
        this.#puts.delete(name)
        this.#deletes.delete(name)
        this.#note(name, isPut)
      }
      this.#isCleaningDue &&= this.#deletes.size > 0
      try {
        await this.#parts.store.batch(batch.map(toWrite), { isSynced: false })
        failures = 0
      } catch (thrown) {
        for (const [name, isPut] of batch) {
          if (!this.#puts.has(name) && !this.#deletes.has(name))
            (isPut ? this.#puts : this.#deletes).add(name)
        }
        failures += 1
        if (failures === 1) {
          this.#parts.logger.warn(
            'pending unpins cannot be noted on disk: a crash now may leave content pinned',
            {
              reason: messageOf(thrown),
            },
          )
        }
        if (this.#stopping.signal.aborted) break
        await this.#pause.wait(backoffMs(failures, RETRY, this.#parts.random))
      }
    }
    // In the same breath as the last look at what is to be written.
    this.#writing = undefined
  }
}

function toWrite([name, isPut]: readonly [string, boolean]): StoreWrite {
  const key = concatBytes([PREFIX, Buffer.from(name, 'latin1')])
  return { key, value: isPut ? NOTHING : undefined }
}
