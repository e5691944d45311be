import { messageOf } from '../errors.ts'
import type { Logger } from '../interfaces.ts'
import type { Clock } from '../lib/clock.ts'
import type { Pause } from '../lib/pause.ts'
import type { Random } from '../lib/random.ts'
import { RetryLoop } from '../lib/retry-loop.ts'
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
  readonly #loop: RetryLoop

  constructor(parts: RecallParts) {
    this.#parts = parts
    const onFailure = (thrown: unknown) =>
      parts.logger.warn('the noted changes cannot be read: trying again', { reason: messageOf(thrown) })
    const step = (pause: Pause, signal: AbortSignal) => this.#step(pause, signal)
    this.#loop = new RetryLoop({ ...parts, retry: RETRY, onFailure }, step)
  }

  /** To be called when names have been put aside. */
  wake(): void {
    this.#loop.wake()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#loop[Symbol.asyncDispose]()
  }

  async #step(pause: Pause, signal: AbortSignal): Promise<void> {
    const { journal } = this.#parts
    if (journal.isRecallDue) await this.#recall(signal)
    else await pause.wait(journal.hasAside ? ROOM_CHECK_MS : undefined)
  }

  async #recall(signal: AbortSignal): Promise<void> {
    const { journal, clock, onRecalled } = this.#parts
    const { names, isEnd } = await journal.recall()
    for (const name of names) onRecalled(name)
    if (isEnd && journal.hasAside) await clock.sleep(REST_MS, signal)
  }
}
