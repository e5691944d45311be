import { messageOf } from '../errors.ts'
import type { Consensus, Logger } from '../interfaces.ts'
import type { Clock } from '../lib/clock.ts'
import { pagesOf } from '../lib/pages.ts'
import type { Pause } from '../lib/pause.ts'
import type { Random } from '../lib/random.ts'
import { RetryLoop } from '../lib/retry-loop.ts'
import type { Cid } from '../model/cid.ts'
import type { Pin } from '../model/pin.ts'
import type { CidTable, Wait } from './cid-table.ts'
import type { Lane, WorkSet } from './work-set.ts'

const RETRY = { firstMs: 500, maxMs: 30_000 }
/** Between two rounds; after one in which nothing had its turn as long as that took, if it took longer. */
const REST_MS = 100
/** As long as the longest wait of a failed pin that is remembered. */
const FAILED_EVERY_MS = 600_000
/** What the pinset is read for. */
const SOUGHT = ['changed', 'fresh', 'rest', 'again', 'failed'] as const satisfies readonly Wait[]

/** What the backlog works with. */
export interface BacklogParts {
  readonly consensus: Pick<Consensus, 'pins'>
  readonly table: CidTable
  readonly work: Pick<WorkSet, 'hasRoom' | 'isRunningLow'>
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  /** Called with an entry whose turn it is: afterwards it has an operation or needs none, or it waits on. */
  readonly onTurn: (pin: Pin) => void
}

/**
 * What waits beyond the window: CIDs that are to be pinned here and have no operation, since there are as many of those as there
 * may be. They have a mark each in the table and no more; the pinset on disk knows the rest. Whenever the window runs low, the
 * pinset is read on from where reading stopped, round and round, and what is marked gets its turn: so everything has one
 * once a round, and what is written while others wait cannot overtake them for ever.
 */
export class Backlog implements AsyncDisposable {
  readonly #parts: BacklogParts
  readonly #loop: RetryLoop
  /** Behind which the reading goes on; undefined: at the beginning. */
  #cursor: Cid | undefined
  /** How long the reading of this round took so far, and how many had their turn in it. */
  #tookMs = 0
  #turnsCount = 0
  /** Failed pins get their turn in this round. */
  #isForFailed = false
  #failedDueMs = Number.POSITIVE_INFINITY
  /** Marks that stood there when this round began, of which it has met none, and of which none was set since. */
  #unmet = new Set<Wait>()

  constructor(parts: BacklogParts) {
    this.#parts = parts
    const onFailure = (thrown: unknown) =>
      parts.logger.warn('the pinset cannot be read for what waits to be pinned: trying again', {
        reason: messageOf(thrown),
      })
    const step = (pause: Pause, signal: AbortSignal) => this.#step(pause, signal)
    this.#loop = new RetryLoop({ ...parts, retry: RETRY, onFailure }, step)
  }

  get(cid: Cid): Wait | undefined {
    return this.#parts.table.wait(cid)
  }

  count(wait: Wait): number {
    return this.#parts.table.waitingCount(wait)
  }

  /** How many wait for a place in that lane of the window. */
  countIn(lane: Lane): number {
    return lane === 'fresh' ? this.count('fresh') : this.count('rest') + this.count('again')
  }

  /** How many wait for a place in the window. */
  get queuedCount(): number {
    return this.countIn('fresh') + this.countIn('rest')
  }

  /** Lets a CID wait that has no operation. */
  put(cid: Cid, wait: Wait): void {
    const { table, clock } = this.#parts
    table.setWait(cid, wait)
    this.#unmet.delete(wait)
    if (wait !== 'failed') return this.wake()
    this.#failedDueMs = Math.min(this.#failedDueMs, clock.monotonic() + FAILED_EVERY_MS)
    this.#loop.wake()
  }

  /** It does not wait any more, unless its name is on disk: then it has to be looked at whatever is done about it. */
  delete(cid: Cid): void {
    if (this.get(cid) !== 'aside') this.#parts.table.setWait(cid, undefined)
  }

  /** Its name was put aside, on disk. What waits for a call goes on with that. */
  putAside(cid: Cid): void {
    const wait = this.get(cid)
    if (wait === undefined || wait === 'changed') this.#parts.table.setWait(cid, 'aside')
  }

  /** It is looked at by its name, in memory. */
  recall(cid: Cid): void {
    const wait = this.get(cid)
    if (wait === 'changed' || wait === 'aside') this.#parts.table.setWait(cid, undefined)
  }

  /** To be called when there may be room in the window. */
  wake(): void {
    if (this.#isDue) this.#loop.wake()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#loop[Symbol.asyncDispose]()
  }

  async #step(pause: Pause, signal: AbortSignal): Promise<void> {
    if (!this.#isDue) await pause.wait(this.#untilFailedDueMs)
    else if (await this.#readOn(signal)) await this.#parts.clock.sleep(this.#endRound(), signal)
  }

  /** Whether the pinset is to be read: the window runs low, or it is not known yet what some CIDs wait for. */
  get #isDue(): boolean {
    const { work } = this.#parts
    if (this.count('changed') > 0) return true
    if (this.countIn('fresh') > 0 && work.isRunningLow('fresh')) return true
    return this.#hasRest && work.isRunningLow('rest')
  }

  get #hasRest(): boolean {
    return this.countIn('rest') > 0 || (this.count('failed') > 0 && this.#areFailedDue)
  }

  get #areFailedDue(): boolean {
    return this.#isForFailed || this.#parts.clock.monotonic() >= this.#failedDueMs
  }

  get #untilFailedDueMs(): number | undefined {
    if (this.#areFailedDue || this.count('failed') === 0) return undefined
    return Math.ceil(this.#failedDueMs - this.#parts.clock.monotonic())
  }

  /** Gives what is marked its turn, as long as there is room. True when the end of the pinset was reached. */
  async #readOn(signal: AbortSignal): Promise<boolean> {
    const { consensus, clock } = this.#parts
    const beganMs = clock.monotonic()
    if (this.#cursor === undefined) this.#beginRound()
    const range = this.#cursor === undefined ? {} : { after: this.#cursor }
    try {
      for await (const page of pagesOf(consensus.pins(range, { signal }))) {
        for (const pin of page) {
          const hadTurn = this.#offerTurn(pin)
          this.#cursor = pin.cid
          if (hadTurn && !this.#isRoomForAny) return false
        }
      }
    } finally {
      this.#tookMs += clock.monotonic() - beganMs
    }
    return true
  }

  #offerTurn(pin: Pin): boolean {
    const { work, onTurn } = this.#parts
    const wait = this.get(pin.cid)
    if (wait === undefined || wait === 'aside') return false
    this.#unmet.delete(wait)
    if (wait === 'failed' && !this.#isForFailed) return false
    if (wait !== 'changed' && !work.hasRoom(wait === 'fresh' ? 'fresh' : 'rest')) return false
    onTurn(pin)
    this.#turnsCount += 1
    return true
  }

  get #isRoomForAny(): boolean {
    const { work } = this.#parts
    if (this.count('changed') > 0) return true
    if (this.countIn('fresh') > 0 && work.hasRoom('fresh')) return true
    return this.#hasRest && work.hasRoom('rest')
  }

  #beginRound(): void {
    this.#isForFailed = this.#areFailedDue
    this.#unmet = new Set(SOUGHT.filter(wait => this.count(wait) > 0))
  }

  /** Marks of what is not in the pinset would be sought for ever: should any be missing one day, the sweep finds it. */
  #dropUnmet(): void {
    const { logger, table } = this.#parts
    for (const wait of this.#unmet) {
      if (this.count(wait) === 0) continue
      logger.warn('what waited to be pinned is not in the pinset', { wait, count: this.count(wait) })
      table.endWaits(wait)
    }
  }

  /** Answers with how long to rest before the next round. */
  #endRound(): number {
    this.#dropUnmet()
    const restMs = this.#turnsCount > 0 ? REST_MS : Math.max(REST_MS, this.#tookMs)
    this.#cursor = undefined
    this.#tookMs = 0
    this.#turnsCount = 0
    if (this.#isForFailed) {
      this.#isForFailed = false
      this.#failedDueMs =
        this.count('failed') > 0 ? this.#parts.clock.monotonic() + FAILED_EVERY_MS : Number.POSITIVE_INFINITY
    }
    return restMs
  }
}
