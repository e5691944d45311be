import { messageOf } from '../errors.ts'
import type { Consensus, Logger } from '../interfaces.ts'
import { backoffMs } from '../lib/backoff.ts'
import type { Clock } from '../lib/clock.ts'
import { Pause } from '../lib/pause.ts'
import type { Random } from '../lib/random.ts'
import { type Cid, cidFromKey } from '../model/cid.ts'
import type { Pin } from '../model/pin.ts'
import { NameQueue } from './name-queue.ts'

/** How many entries are read from the pinset at a time. */
const AT_ONCE = 64
const RETRY = { firstMs: 500, maxMs: 30_000 }

/** What looking works with. */
export interface LooksParts {
  readonly consensus: Pick<Consensus, 'get'>
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  /** Told what the pinset says about a CID, in the breath in which it was read. */
  readonly onRead: (name: string, cid: Cid, entry: Pin | undefined) => void
}

/** CIDs whose entries are to be read, each once, as soon as may be. A name that comes while its entry is read is read again. */
export class Looks implements AsyncDisposable {
  readonly #parts: LooksParts
  readonly #names = new NameQueue()
  readonly #looking = new Set<string>()
  readonly #stopping = new AbortController()
  readonly #pause: Pause
  #lookingAll: Promise<void> | undefined

  constructor(parts: LooksParts) {
    this.#parts = parts
    this.#pause = new Pause(parts.clock, this.#stopping.signal)
  }

  get size(): number {
    return this.#names.size + this.#looking.size
  }

  has(name: string): boolean {
    return this.#names.has(name) || this.#looking.has(name)
  }

  add(name: string): void {
    if (this.#stopping.signal.aborted) return
    this.#names.add(name)
    this.#lookingAll ??= this.#lookAtAll()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort(new DOMException('stopped', 'AbortError'))
    await this.#lookingAll
  }

  async #lookAtAll(): Promise<void> {
    let failures = 0
    while (this.#names.size > 0 && !this.#stopping.signal.aborted) {
      for (let name = this.#names.take(); name !== undefined; name = this.#names.take()) {
        this.#looking.add(name)
        if (this.#looking.size >= AT_ONCE) break
      }
      const failure = await this.#lookAtSome([...this.#looking])
      if (failure === undefined) {
        failures = 0
        continue
      }
      failures += 1
      this.#parts.logger.warn('the pinset cannot be read: trying again', { reason: failure })
      await this.#pause.wait(backoffMs(failures, RETRY, this.#parts.random))
    }
    // In the same breath as the last look at the queue: a name that comes now begins a new round.
    this.#lookingAll = undefined
  }

  /** Names that cannot be read go back to wait; answers with the reason. */
  async #lookAtSome(names: readonly string[]): Promise<string | undefined> {
    const { consensus, onRead } = this.#parts
    const cids = names.map(cidFromKey)
    const entries = await Promise.allSettled(cids.map(cid => consensus.get(cid)))
    let failure: string | undefined
    names.forEach((name, at) => {
      const cid = cids[at]
      const entry = entries[at]
      this.#looking.delete(name)
      if (entry?.status === 'fulfilled' && cid !== undefined) return onRead(name, cid, entry.value)
      this.#names.add(name)
      if (entry?.status === 'rejected') failure = messageOf(entry.reason)
    })
    return failure
  }
}
