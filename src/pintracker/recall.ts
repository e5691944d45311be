import { messageOf, wasStopped } from '../errors.ts'
import type { Logger } from '../interfaces.ts'
import { backoffMs } from '../lib/backoff.ts'
import type { Clock } from '../lib/clock.ts'
import { Pause } from '../lib/pause.ts'
import type { Random } from '../lib/random.ts'
import type { ChangeJournal } from './change-journal.ts'

const RETRY = { firstMs: 500, maxMs: 30_000 }
/** How often it is looked whether there is room. */
const ROOM_CHECK_MS = 100
/** Between two rounds: an unpin that fails and is not remembered is not tried more often than one that is. */
const REST_MS = 10_000

/** What recalling works with. */
export interface RecallParts {
  readonly journal: Pick<ChangeJournal, 'hasAside' | 'isRecallDue' | 'recall'>
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  /** Called with each name that is in memory again. */
  readonly onRecalled: (name: string) => void
}

/** Brings back the names that were put aside on disk, round and round, as there is room. */
export class Recall implements AsyncDisposable {
  readonly #parts: RecallParts
  readonly #stopping = new AbortController()
  readonly #pause: Pause
  readonly #done: Promise<void>

  constructor(parts: RecallParts) {
    this.#parts = parts
    this.#pause = new Pause(parts.clock, this.#stopping.signal)
    this.#done = this.#run()
  }

  /** To be called when names have been put aside. */
  wake(): void {
    this.#pause.wake()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort(new DOMException('stopped', 'AbortError'))
    await this.#done
  }

  async #run(): Promise<void> {
    const { journal, logger, random } = this.#parts
    const { signal } = this.#stopping
    for (let failures = 0; !signal.aborted; ) {
      try {
        if (journal.isRecallDue) await this.#recall(signal)
        else await this.#pause.wait(journal.hasAside ? ROOM_CHECK_MS : undefined)
        failures = 0
      } catch (thrown) {
        if (wasStopped(thrown, signal)) return
        failures += 1
        logger.warn('the noted changes cannot be read: trying again', { reason: messageOf(thrown) })
        await this.#pause.wait(backoffMs(failures, RETRY, random))
      }
    }
  }

  async #recall(signal: AbortSignal): Promise<void> {
    const { journal, clock, onRecalled } = this.#parts
    const { names, isEnd } = await journal.recall()
    for (const name of names) onRecalled(name)
    if (isEnd && journal.hasAside) await clock.sleep(REST_MS, signal)
  }
}
