import { messageOf } from '../errors.ts'
import type { Consensus, Logger } from '../interfaces.ts'
import { backoffMs } from '../lib/backoff.ts'
import type { Clock } from '../lib/clock.ts'
import { pagesOf } from '../lib/pages.ts'
import { Pause } from '../lib/pause.ts'
import type { Random } from '../lib/random.ts'
import { type Cid, cidFromKey, cidKey } from '../model/cid.ts'
import { HOLDS_MAX } from '../model/holds.ts'
import type { PeerId } from '../model/peer.ts'
import type { Pin } from '../model/pin.ts'
import type { Keepers, Surplus } from './keepers.ts'
import { NameQueue } from './name-queue.ts'
import type { PinnedView } from './pinned-view.ts'
import { reconcile } from './reconcile.ts'
import type { WorkSet } from './work-set.ts'

/** Names that are kept in memory; of more than these it is only known that there are some. */
const NAMES_MAX = 10_000
/** Unpins that may be under way: what others said a while ago is no reason to let go. */
const RELEASED_MAX = 1024
const ANSWER_HOLDS_MS = 60_000
const RETRY = { firstMs: 1000, maxMs: 300_000 }
/** A pass over the whole pinset is followed by so many times the time that it took. */
const REST_PER_PASS = 10
const LISTING_CHECK_MS = 1000

/** What handing over works with. */
export interface HandOverParts {
  readonly consensus: Pick<Consensus, 'get' | 'pins'>
  readonly keepers: Keepers
  readonly view: PinnedView
  readonly work: Pick<WorkSet, 'get'>
  readonly self: PeerId
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  /** Called with each CID that may be let go of. */
  readonly release: (name: string) => void
}

interface Release {
  readonly allocations: string
  readonly atMs: number
}

/**
 * Content that is in the pinset and no longer allocated to this peer, but held here: it is let go of only once enough of
 * the peers to which it is allocated say that they hold it, and kept as long as they do not. Asks in bulk, ever less
 * often while nothing comes of it. Some thousand names are kept in memory; where there are more, the pinset is gone
 * through again.
 */
export class HandOver implements AsyncDisposable {
  readonly #parts: HandOverParts
  readonly #fresh = new NameQueue()
  readonly #waiting = new Set<string>()
  /** There are more than have a name here. */
  #isMore = false
  readonly #released = new Map<string, Release>()
  readonly #stopping = new AbortController()
  readonly #pause: Pause
  readonly #done: Promise<void>
  #failures = 0
  #askedCount = 0
  #retryAtMs: number | undefined
  #releasedCount = 0

  constructor(parts: HandOverParts) {
    this.#parts = parts
    this.#pause = new Pause(parts.clock, this.#stopping.signal)
    this.#done = this.#run()
  }

  /** How many CIDs are held here for others, as far as they are known by name; one more than that if there may be others. */
  get count(): number {
    const more = this.#isMore || !this.#parts.view.isComplete ? 1 : 0
    return this.#namesCount + this.#askedCount + this.#released.size + more
  }

  get #namesCount(): number {
    return this.#fresh.size + this.#waiting.size
  }

  /** The CID is held here and allocated to others only: it is looked at soon. */
  offer(name: string): void {
    if (this.#waiting.has(name)) return
    if (this.#namesCount < NAMES_MAX) this.#fresh.add(name)
    else this.#isMore = true
    this.#pause.wake()
  }

  /** Whether others hold it by what they said a moment ago. */
  isReleased(name: string, { allocations }: Pin): boolean {
    const release = this.#released.get(name)
    if (release === undefined || release.allocations !== allocations.join()) return false
    return this.#parts.clock.monotonic() - release.atMs < ANSWER_HOLDS_MS
  }

  /** Asks now whether others hold it, and remembers the answer if they do. */
  async askAgain(name: string, pin: Pin, signal: AbortSignal): Promise<boolean> {
    this.settle(name)
    const { kept } = await this.#parts.keepers.ask([{ name, cid: pin.cid, pin }], signal)
    for (const surplus of kept) this.#note(surplus)
    return kept.length > 0
  }

  /** Nothing more is being done to let go of it. */
  settle(name: string): void {
    if (this.#released.delete(name)) this.#pause.wake()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort(new DOMException('stopped', 'AbortError'))
    await this.#done
  }

  #note({ name, pin }: Surplus): void {
    const { clock } = this.#parts
    this.#released.set(name, { allocations: pin.allocations.join(), atMs: clock.monotonic() })
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping
    const { clock, view, logger } = this.#parts
    while (!signal.aborted) {
      try {
        const untilRetryMs = this.#retryAtMs === undefined ? undefined : this.#retryAtMs - clock.monotonic()
        if (this.#released.size >= RELEASED_MAX) await this.#pause.wait(undefined)
        else if (!view.isComplete && this.#namesCount > 0) await this.#pause.wait(LISTING_CHECK_MS)
        else if (this.#fresh.size > 0) await this.#askSome(takeSome(this.#fresh))
        else if (untilRetryMs !== undefined && untilRetryMs <= 0) await this.#pass(signal)
        else await this.#pause.wait(untilRetryMs === undefined ? undefined : Math.ceil(untilRetryMs))
      } catch (thrown) {
        if (signal.aborted) return
        logger.warn('what is allocated to others now could not be handed over: it is kept', {
          reason: messageOf(thrown),
        })
        this.#failures += 1
        await this.#pause.wait(backoffMs(this.#failures, RETRY, this.#parts.random))
      }
      this.#armRetry()
    }
  }

  #armRetry(restMs = 0): void {
    if (this.#waiting.size === 0 && !this.#isMore) return
    const waitMs = Math.max(restMs, backoffMs(this.#failures + 1, RETRY, this.#parts.random))
    this.#retryAtMs ??= this.#parts.clock.monotonic() + waitMs
  }

  /** Everything that waits, once more. */
  async #pass(signal: AbortSignal): Promise<void> {
    const { clock } = this.#parts
    const [beganMs, before, isWhole] = [clock.monotonic(), this.#releasedCount, this.#isMore]
    const names = [...this.#waiting]
    this.#waiting.clear()
    this.#isMore = false
    this.#retryAtMs = undefined
    for (let at = 0; at < names.length; at += HOLDS_MAX) {
      await this.#room()
      await this.#askSome(names.slice(at, at + HOLDS_MAX))
    }
    if (isWhole) await this.#goThroughPinset(signal)
    this.#failures = this.#releasedCount > before ? 0 : this.#failures + 1
    this.#armRetry(isWhole ? (clock.monotonic() - beganMs) * REST_PER_PASS : 0)
  }

  async #goThroughPinset(signal: AbortSignal): Promise<void> {
    const { consensus, view, self } = this.#parts
    let some: string[] = []
    for await (const page of pagesOf(consensus.pins({}, { signal }))) {
      for (const pin of page) {
        if (reconcile(pin, view.mode(pin.cid), self) !== 'unpin') continue
        const name = cidKey(pin.cid)
        if (!this.#waiting.has(name)) some.push(name)
      }
      if (some.length < HOLDS_MAX) continue
      await this.#room()
      await this.#askSome(some)
      some = []
    }
    await this.#askSome(some)
  }

  /** Waits until enough of what was released is gone. */
  async #room(): Promise<void> {
    while (this.#released.size >= RELEASED_MAX && !this.#stopping.signal.aborted)
      await this.#pause.wait(undefined)
    this.#stopping.signal.throwIfAborted()
  }

  /** Releases those that others hold; the rest waits. Names that need no unpin any more are forgotten. */
  async #askSome(names: readonly string[]): Promise<void> {
    const { keepers, release } = this.#parts
    const { signal } = this.#stopping
    this.#askedCount = names.length
    try {
      const surplus = (await Promise.all(names.map(name => this.#surplusOf(name)))).filter(
        each => each !== undefined,
      )
      const { kept, missing } = await keepers.ask(surplus, signal)
      for (const each of missing) this.#keepWaiting(each.name)
      for (const each of kept) {
        this.#note(each)
        this.#releasedCount += 1
        release(each.name)
      }
    } catch (thrown) {
      for (const name of names) this.#keepWaiting(name)
      throw thrown
    } finally {
      this.#askedCount = 0
    }
  }

  #keepWaiting(name: string): void {
    if (this.#waiting.size < NAMES_MAX) this.#waiting.add(name)
    else this.#isMore = true
  }

  /** The entry, if the content is still held here and allocated to others only. */
  async #surplusOf(name: string): Promise<Surplus | undefined> {
    const { consensus, view, work, self } = this.#parts
    const cid: Cid = cidFromKey(name)
    const pin = await consensus.get(cid)
    if (pin === undefined || reconcile(pin, 'recursive', self) !== 'unpin') return undefined
    const operation = work.get(name)
    // A pin call that was cancelled and has not returned yet: what it comes to is known then.
    if (operation?.phase === 'dropped') {
      this.#keepWaiting(name)
      return undefined
    }
    return operation === undefined && view.mode(cid) !== undefined ? { name, cid, pin } : undefined
  }
}

function takeSome(queue: NameQueue): string[] {
  const names: string[] = []
  while (names.length < HOLDS_MAX) {
    const name = queue.take()
    if (name === undefined) break
    names.push(name)
  }
  return names
}
