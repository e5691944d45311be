import { messageOf } from '../errors.ts'
import type { ByteStore, Logger, StoreWrite } from '../interfaces.ts'
import { backoffMs } from '../lib/backoff.ts'
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

/** What the journal needs. */
export interface JournalParts {
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
 */
export class ChangeJournal implements AsyncDisposable {
  readonly #parts: JournalParts
  /** Names that are in the store or on the way there. */
  readonly #held = new Set<string>()
  /** Names that the store has, or may have. */
  readonly #stored = new Set<string>()
  /** What the store does not know yet: names to put there, and names to take out. */
  readonly #puts = new Set<string>()
  readonly #deletes = new Set<string>()
  readonly #stopping = new AbortController()
  readonly #pause: Pause
  #writing: Promise<void> | undefined
  #cleaning: Disposable | undefined
  #isCleaningDue = false

  private constructor(parts: JournalParts) {
    this.#parts = parts
    this.#pause = new Pause(parts.clock, this.#stopping.signal)
  }

  /** Reads back what an earlier run left. */
  static async open(parts: JournalParts): Promise<ChangeJournal> {
    const journal = new ChangeJournal(parts)
    for await (const key of parts.store.keys({ gte: PREFIX, lt: PREFIX_END })) {
      const name = Buffer.from(key.subarray(PREFIX.length)).toString('latin1')
      journal.#held.add(name)
      journal.#stored.add(name)
    }
    return journal
  }

  /** The names that are held. */
  names(): Iterable<string> {
    return this.#held
  }

  get size(): number {
    return this.#held.size
  }

  add(name: string): void {
    if (this.#held.has(name)) return
    this.#held.add(name)
    this.#write(name, true)
  }

  delete(name: string): void {
    if (this.#held.delete(name)) this.#write(name, false)
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
    if (this.#stored.has(name) !== isPut) (isPut ? this.#puts : this.#deletes).add(name)
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
    if (isPut) this.#stored.add(name)
    else this.#stored.delete(name)
  }

  async #writeAll(): Promise<void> {
    let failures = 0
    // Most changes are additions, and ruled out by the look that follows at once: those are never written.
    await new Promise<void>(resolve => setImmediate(resolve))
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
          this.#note(name, !isPut)
          this.#write(name, this.#held.has(name))
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
