import { messageOf } from '../../errors.ts'
import type { Consensus, Logger } from '../../interfaces.ts'
import type { Cid } from '../../model/cid.ts'
import type { PeerId } from '../../model/peer.ts'
import { isConcerned } from './census.ts'

/** Changed entries that wait to be read. */
const WAITING_MAX = 10_000
const READ_MAX = 256

/** What watching for overtaken moves needs. */
export interface OvertakenParts {
  readonly consensus: Pick<Consensus, 'getMany' | 'onChange'>
  readonly logger: Logger
  /** Whether anybody leaves: otherwise nothing is read. */
  readonly isNeeded: () => boolean
  readonly isLeaving: (peer: PeerId) => boolean
  /** A pin is on a peer that leaves. Without a CID it is only known that there may be some. */
  readonly onFound: (cid: Cid | undefined) => void
}

/**
 * Reads what changes while peers leave, and tells of entries that are on one of them: a user pinned again what was just being
 * moved, with the peers that it had before, and what users write wins. It is not to wait there for the next look at the pinset.
 */
export class Overtaken implements AsyncDisposable {
  readonly #parts: OvertakenParts
  readonly #listening: Disposable
  #waiting: Cid[] = []
  #reading: Promise<void> | undefined
  #isStopping = false

  constructor(parts: OvertakenParts) {
    this.#parts = parts
    this.#listening = parts.consensus.onChange(cids => this.#note(cids))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isStopping = true
    this.#listening[Symbol.dispose]()
    await this.#reading
  }

  #note(cids: readonly Cid[]): void {
    if (this.#isStopping || !this.#parts.isNeeded()) return
    if (this.#waiting.length + cids.length > WAITING_MAX) {
      this.#waiting = []
      return this.#parts.onFound(undefined)
    }
    for (const cid of cids) this.#waiting.push(cid)
    this.#reading ??= this.#read()
  }

  async #read(): Promise<void> {
    const { consensus, logger, isLeaving, onFound } = this.#parts
    try {
      while (this.#waiting.length > 0 && !this.#isStopping) {
        const some = this.#waiting.splice(0, READ_MAX)
        for (const pin of await consensus.getMany(some))
          if (pin !== undefined && isConcerned(pin, isLeaving)) onFound(pin.cid)
      }
    } catch (thrown) {
      // The next look at the whole pinset finds what was missed.
      logger.warn('what has changed could not be read', { reason: messageOf(thrown) })
      this.#waiting = []
    }
    // In the same breath as the last look at what waits.
    this.#reading = undefined
  }
}
