import type { Consensus, Logger } from '../interfaces.ts'
import type { Clock } from '../lib/clock.ts'
import type { Random } from '../lib/random.ts'
import { type Cid, cidFromKey } from '../model/cid.ts'
import type { Pin } from '../model/pin.ts'
import type { Backlog } from './backlog.ts'
import type { ChangeJournal } from './change-journal.ts'
import { Looks } from './looks.ts'
import { Recall } from './recall.ts'
import type { WorkSet } from './work-set.ts'

/** What the intake works with. */
export interface IntakeParts {
  readonly consensus: Pick<Consensus, 'get'>
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly work: Pick<WorkSet, 'get'>
  readonly backlog: Pick<Backlog, 'get' | 'count' | 'put' | 'putAside' | 'recall'>
  readonly journal: ChangeJournal
  /** Names that may wait to be looked at. */
  readonly windowMax: number
  /** Told what the pinset says about a CID, in the breath in which it was read. */
  readonly onRead: (name: string, cid: Cid, entry: Pin | undefined) => void
}

/**
 * Which CIDs are to be looked at: those that changed, and those that differ. Some thousand have a name here. Where there are more,
 * new entries are found again in the pinset, and the names of those that may be gone are put aside on disk.
 */
export class Intake implements AsyncDisposable {
  readonly #parts: IntakeParts
  readonly #looks: Looks
  readonly #recall: Recall

  constructor(parts: IntakeParts) {
    this.#parts = parts
    this.#looks = new Looks(parts)
    this.#recall = new Recall({ ...parts, onRecalled: name => this.#onRecalled(name, cidFromKey(name)) })
  }

  /** CIDs that wait to be looked at; never 0 while there may be some. */
  get size(): number {
    const { backlog, journal } = this.#parts
    const known = this.#looks.size + backlog.count('changed') + backlog.count('aside')
    return known === 0 && journal.hasAside ? 1 : known
  }

  /** Whether the CID has a name here. */
  isNamed(name: string): boolean {
    return this.#looks.has(name)
  }

  /** Whether the CID has yet to be looked at. */
  has(name: string, cid: Cid): boolean {
    const wait = this.#parts.backlog.get(cid)
    return this.#looks.has(name) || wait === 'changed' || wait === 'aside'
  }

  /** Whether there is room for one more name. */
  get hasRoom(): boolean {
    return this.#looks.size < this.#parts.windowMax
  }

  /** The CID is looked at soon. */
  add(name: string): void {
    this.#looks.add(name)
  }

  /** The CID has an entry and had none before: nothing about it must be remembered, since the pinset knows it. */
  addNew(name: string, cid: Cid): void {
    if (this.#isKnown(name) || this.hasRoom) this.add(name)
    else this.#parts.backlog.put(cid, 'changed')
  }

  /** The CID had an entry: it may have to be unpinned, and nothing else may know of it. */
  addChanged(name: string, cid: Cid): void {
    const { journal } = this.#parts
    if (!this.#isKnown(name) && !(this.hasRoom && journal.hasRoom)) return this.putAside(name, cid)
    journal.add(name)
    this.#onRecalled(name, cid)
  }

  /** The CID is looked at when there is room again. */
  putAside(name: string, cid: Cid): void {
    this.#parts.backlog.putAside(cid)
    this.#parts.journal.putAside(name)
    this.#recall.wake()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.#recall[Symbol.asyncDispose](), this.#looks[Symbol.asyncDispose]()])
  }

  /** Whether it is in memory anyway: a new look takes no more room, and must not come later than what is under way. */
  #isKnown(name: string): boolean {
    return this.#looks.has(name) || this.#parts.work.get(name) !== undefined
  }

  /** Its name is in memory, and nothing of it is aside any more. */
  #onRecalled(name: string, cid: Cid): void {
    this.#parts.backlog.recall(cid)
    this.add(name)
  }
}
