import { messageOf } from '../../errors.ts'
import { makeInstruments } from '../../lib/instruments.ts'
import { Pause } from '../../lib/pause.ts'
import { repeat } from '../../lib/repeat.ts'
import { TokenBucket } from '../../lib/token-bucket.ts'
import type { Cid } from '../../model/cid.ts'
import type { AskHolds } from '../../model/holds.ts'
import type { PeerId } from '../../model/peer.ts'
import type { FateOf } from '../../model/peer-fate.ts'
import type { PeerHealth } from '../../model/peer-health.ts'
import { makeRank } from '../closest.ts'
import type { ClusterComponents } from '../components.ts'
import type { ClusterConfig } from '../config.ts'
import { type Census, orderOf, type Roles, takeCensus } from './census.ts'
import type { AskNoRoom } from './claims.ts'
import { findLeaving, LEAVING_REASONS, type Leaving } from './leaving.ts'
import { REPIN_METRICS } from './metrics.ts'
import { movePins } from './move-pins.ts'
import { Overtaken } from './overtaken.ts'
import { Progress } from './progress.ts'
import { Receivers } from './receivers.ts'
import { Refit } from './refit.ts'
import { Unfit } from './unfit.ts'

/** What moving content away from peers that leave needs. */
export type RepinComponents = Pick<
  ClusterComponents,
  'alerts' | 'allocate' | 'clock' | 'consensus' | 'logger' | 'marks' | 'meter' | 'monitor' | 'self'
> & { readonly askHolds: AskHolds; readonly askNoRoom: AskNoRoom }

const LOOK_EVERY_MS = 500
/** A peer that was never heard is given so much longer, however short the delay is. */
const UNHEARD_MS = 60_000
/** When a partition ends, this much time for everybody to be heard of again. */
const GUARD_REST_MS = 30_000
/** The first pass over the pinset leaves the start alone; the next ones find peers that nobody has ever heard of. */
const FIRST_CENSUS_MS = 30_000
const CENSUS_EVERY_MS = 600_000
/** While something waits that others are to move, or that cannot be moved, it is looked at again. */
const RECHECK_MS = 60_000
/** Looking at the whole pinset takes at most so small a part of the time. */
const REST_PER_PASS = 20
const RETRY_MS = 10_000
/** A user pinned something on a peer that leaves: the one to move it waits this long for more of that. */
const OVERTAKEN_MS = 2000
/** News of a peer that came, or of what an operator said, often come together with more. */
const SETTLE_MS = 1000
/** After so many looks without any progress, the next nearest peer takes a CID over. */
const RANK_MAX = 3

/**
 * Moves content away from peers that leave, as long as it runs: those that are gone for too long, are drained or were
 * removed. There is no leader and nothing is remembered: everything follows from what the monitor and the operators say of
 * peers and from the pinset, so that any peer goes on where another stopped. Of a CID the nearest trusted live peer
 * rewrites the allocation, once; that nobody lets go of a copy too soon is up to the trackers.
 */
export function openRepinner(
  components: RepinComponents,
  config: ClusterConfig,
): AsyncDisposable & { readonly fateOf: FateOf } {
  return new Repinner(components, config)
}

class Repinner implements AsyncDisposable {
  readonly #parts: RepinComponents
  readonly #config: ClusterConfig
  readonly #receivers: Receivers
  readonly #budget: TokenBucket
  readonly #progress: Progress
  readonly #unfit: Unfit
  /** Absent where nothing moves by itself. */
  #refit: Refit | undefined
  readonly #goneSinceMs = new Map<PeerId, number>()
  readonly #stopping = new AbortController()
  readonly #pause: Pause
  readonly #owned = new AsyncDisposableStack()
  readonly #done: Promise<void>
  #leaving: Leaving = { reasons: new Map(), guard: undefined, heldCount: 0, changesAtMs: undefined }
  #guardEndedMs: number | undefined
  #census: Census | undefined
  /** When the last look at the whole pinset began. */
  #censusAtMs = 0
  #pass: AbortController | undefined
  /** When the pinset is to be looked through, by the monotonic clock. */
  #dueAtMs: number
  /** How long the last look at the whole pinset took. */
  #tookMs = 0
  /** How many nearer peers are taken to fail in their duty. */
  #rank = 0
  /** Pins that waited when the pinset was looked through last, if nothing has happened since that would get things going. */
  #waitedCount: number | undefined

  constructor(parts: RepinComponents, config: ClusterConfig) {
    const { clock, marks, meter, monitor, logger } = parts
    this.#parts = parts
    this.#config = config
    this.#pause = new Pause(clock, this.#stopping.signal)
    this.#receivers = new Receivers(parts, config.repin.inFlightMax)
    const { perSecond } = config.repin
    this.#budget = new TokenBucket(clock, { capacity: perSecond, perSecond })
    this.#progress = new Progress(parts, this.#receivers)
    this.#unfit = new Unfit(clock)
    this.#dueAtMs = clock.monotonic() + FIRST_CENSUS_MS
    this.#observe(makeInstruments(meter, REPIN_METRICS))
    this.#owned.use(monitor.onHealth(({ condition }) => this.#look(condition === 'alive' ? SETTLE_MS : 0)))
    this.#owned.use(marks.onChange(() => this.#look(SETTLE_MS)))
    const { consensus } = parts
    const isNeeded = () => this.#leaving.reasons.size > 0
    const isLeaving = (peer: PeerId) => this.#leaving.reasons.has(peer)
    const onFound = (cid: Cid | undefined) => this.#overtake(cid)
    this.#owned.use(new Overtaken({ consensus, logger, isNeeded, isLeaving, onFound }))
    const onError = (error: unknown) => logger.warn('what has arrived could not be found out', { error })
    this.#owned.use(
      repeat({ clock, everyMs: LOOK_EVERY_MS, onError }, signal => this.#receivers.look({ signal })),
    )
    if (config.repin.isAutomatic) this.#refit = this.#owned.use(this.#openRefit())
    this.#look(FIRST_CENSUS_MS)
    this.#done = this.#run()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort(new DOMException('stopped', 'AbortError'))
    await this.#owned.disposeAsync()
    await this.#done
  }

  readonly fateOf: FateOf = peer => {
    const isDraining = this.#parts.marks.of(peer).isDraining
    if (this.#isEmpty(peer, isDraining)) return 'empty'
    if (this.#leaving.reasons.has(peer)) return 'moves'
    if (!this.#config.repin.isAutomatic) return 'stays'
    return this.#leaving.guard === undefined ? 'waits' : 'guarded'
  }

  readonly #isMember = (peer: PeerId): boolean =>
    this.#parts.consensus.isTrusted(peer) || this.#census?.allocated.has(peer) === true

  #openRefit(): Refit {
    const { consensus } = this.#parts
    const isHeldUp = () => {
      const { readOnly, trust } = consensus.state
      return this.#leaving.guard !== undefined || readOnly !== undefined || !trust.isSelfTrusted
    }
    const shared = { receivers: this.#receivers, budget: this.#budget, unfit: this.#unfit }
    const ranking = () => {
      const { isAble, rank } = this.#ranking()
      return (cid: Cid) => (isAble ? rank(cid) : Number.POSITIVE_INFINITY)
    }
    const onMoved = () => this.#progress.onMoved('no_room')
    return new Refit(
      { ...this.#parts, ...shared, isHeldUp, isMember: this.#isMember, ranking, onMoved },
      this.#config,
    )
  }

  /** Whether no pin was allocated to a peer when the pinset was looked at: after it had gone, or when it got nothing new. */
  #isEmpty(peer: PeerId, getsNothing: boolean): boolean {
    if (this.#census === undefined || this.#census.allocated.has(peer)) return false
    return getsNothing || this.#censusAtMs >= (this.#goneSinceMs.get(peer) ?? Number.POSITIVE_INFINITY)
  }

  /**
   * Works out who leaves. A pass under way ends at once when one of those for whom it moves content does not leave any more.
   * The pinset is looked through after so long when others leave than before, or somebody came.
   */
  #look(settleMs: number): void {
    const { clock, monitor } = this.#parts
    const nowMs = clock.monotonic()
    const health = monitor.health()
    for (const { peer, condition } of health) {
      if (condition !== 'gone') this.#goneSinceMs.delete(peer)
      else if (!this.#goneSinceMs.has(peer)) {
        this.#goneSinceMs.set(peer, nowMs)
        // What it keeps is counted soon, so that the alert can tell whether anything is to be done.
        const dueAtMs = nowMs + Math.max(SETTLE_MS, this.#tookMs * REST_PER_PASS)
        if (this.#census !== undefined) this.#dueAtMs = Math.min(this.#dueAtMs, dueAtMs)
      }
    }
    const before = this.#leaving
    this.#leaving = this.#findLeaving(health, nowMs)
    if (before.guard !== undefined && this.#leaving.guard === undefined) {
      this.#guardEndedMs = nowMs
      this.#leaving = this.#findLeaving(health, nowMs)
    }
    const { reasons } = this.#leaving
    this.#progress.noteGuard(this.#leaving)
    const returned = before.reasons.keys().filter(peer => !reasons.has(peer))
    const [first] = returned
    if (first !== undefined) this.#pass?.abort(new DOMException(`${first} does not leave`, 'AbortError'))
    const isNew = reasons.keys().some(peer => !before.reasons.has(peer))
    if (isNew) this.#dueAtMs = nowMs
    else if (reasons.size > 0) this.#dueAtMs = Math.min(this.#dueAtMs, nowMs + settleMs)
    if (settleMs <= SETTLE_MS) this.#waitedCount = undefined
    this.#pause.wake()
  }

  /** A pin is on a peer that leaves, although nothing more was to be moved: whoever is nearest to it looks again soon. */
  #overtake(cid: Cid | undefined): void {
    const { clock } = this.#parts
    const isOurs = cid !== undefined && this.#roles().isOurs(cid)
    const waitMs = Math.max(isOurs ? OVERTAKEN_MS : RECHECK_MS, this.#tookMs * REST_PER_PASS)
    const dueAtMs = clock.monotonic() + waitMs
    this.#waitedCount = undefined
    if (dueAtMs >= this.#dueAtMs) return
    this.#dueAtMs = dueAtMs
    this.#pause.wake()
  }

  #findLeaving(health: readonly PeerHealth[], nowMs: number): Leaving {
    const { clock, marks, self } = this.#parts
    return findLeaving(
      {
        self,
        health,
        markOf: peer => marks.of(peer),
        marks: marks.all(),
        isMember: this.#isMember,
        goneSinceMs: this.#goneSinceMs,
        guardEndedMs: this.#guardEndedMs,
        nowMs,
        wallMs: clock.now(),
      },
      { ...this.#config.repin, unheardMs: UNHEARD_MS, guardRestMs: GUARD_REST_MS },
    )
  }

  async #run(): Promise<void> {
    const { clock, logger } = this.#parts
    const { signal } = this.#stopping
    while (!signal.aborted) {
      const { changesAtMs = Number.POSITIVE_INFINITY } = this.#leaving
      const nowMs = clock.monotonic()
      if (nowMs >= changesAtMs) this.#look(0)
      if (nowMs < this.#dueAtMs) {
        const untilMs = Math.min(this.#dueAtMs, this.#leaving.changesAtMs ?? this.#dueAtMs) - nowMs
        await this.#pause.wait(Math.max(1, Math.ceil(untilMs)))
        continue
      }
      this.#dueAtMs = nowMs + CENSUS_EVERY_MS
      const pass = new AbortController()
      this.#pass = pass
      try {
        await this.#goThrough(AbortSignal.any([signal, pass.signal]))
      } catch (thrown) {
        if (signal.aborted) return
        if (pass.signal.aborted) this.#progress.cancelled(messageOf(pass.signal.reason))
        else
          logger.warn('content could not be moved away from peers that leave', { reason: messageOf(thrown) })
        const hasMore = this.#leaving.reasons.size > 0
        if (hasMore) this.#dueAtMs = clock.monotonic() + (pass.signal.aborted ? 0 : RETRY_MS)
      }
      this.#pass = undefined
    }
  }

  /** One look at the whole pinset, and what is to be moved after that. */
  async #goThrough(signal: AbortSignal): Promise<void> {
    const { clock, consensus } = this.#parts
    const beganMs = clock.monotonic()
    const census = await takeCensus(consensus, this.#roles(), { signal })
    this.#tookMs = clock.monotonic() - beganMs
    this.#census = census
    this.#censusAtMs = beganMs
    this.#parts.monitor.expect(census.allocated)
    const isStill =
      census.waitingCount > 0 && census.waitingCount >= (this.#waitedCount ?? Number.POSITIVE_INFINITY)
    this.#rank = isStill ? Math.min(RANK_MAX, this.#rank + 1) : 0
    this.#waitedCount = census.waitingCount
    this.#look(CENSUS_EVERY_MS)
    signal.throwIfAborted()
    const { state } = consensus
    if (state.readOnly === undefined && state.trust.isSelfTrusted) await this.#move(census, signal)
    this.#progress.ended(census)
    if (census.waitingCount > 0) {
      const restMs = Math.max(RECHECK_MS, this.#tookMs * REST_PER_PASS)
      this.#dueAtMs = Math.min(this.#dueAtMs, clock.monotonic() + restMs)
    }
  }

  async #move(census: Census, signal: AbortSignal): Promise<void> {
    const { reasons } = this.#leaving
    const roles = this.#roles()
    const tokens = { receivers: this.#receivers, budget: this.#budget, unfit: this.#unfit }
    const progress = this.#progress
    progress.begin(reasons, census)
    for (const copies of orderOf(census)) {
      const task = {
        ...roles,
        reasons,
        copies,
        onMoved: progress.moved,
        onStuck: progress.stuck,
      }
      await movePins({ ...this.#parts, ...tokens }, this.#config, task, { signal })
    }
  }

  #roles(): Roles {
    const { reasons } = this.#leaving
    const { isAble, live, rank } = this.#ranking()
    const maxRank = this.#rank
    return {
      isLeaving: peer => reasons.has(peer),
      isLive: peer => live.has(peer),
      isOurs: cid => isAble && rank(cid) <= maxRank,
    }
  }

  /** How near this peer is to CIDs, of the trusted ones that live. */
  #ranking(): {
    readonly isAble: boolean
    readonly live: ReadonlySet<PeerId>
    readonly rank: (cid: Cid) => number
  } {
    const { consensus, marks, monitor, self } = this.#parts
    const live = new Set(monitor.peers())
    const isActive = (peer: PeerId) =>
      (peer === self || consensus.isTrusted(peer)) && !marks.of(peer).isRemoved
    return { isAble: isActive(self), live, rank: makeRank([...live].filter(isActive), self) }
  }

  #observe(instruments: ReturnType<typeof makeInstruments<typeof REPIN_METRICS>>): void {
    instruments.inFlight.observe(() => this.#receivers.count)
    instruments.waiting.observe(() => this.#progress.waitingCount)
    instruments.withoutLiveCopy.observe(() => this.#census?.withoutLiveCopyCount ?? 0)
    instruments.stuck.observe(() => this.#progress.stuckCount)
    instruments.noRoom.observe(() => this.#refit?.stuckCount ?? 0)
    instruments.guard.observe(() => (this.#leaving.guard === undefined ? 0 : 1))
    instruments.leaving.observeEach(() => {
      const reasons = [...this.#leaving.reasons.values()]
      return LEAVING_REASONS.map(reason => [{ reason }, reasons.filter(each => each === reason).length])
    })
    this.#progress.onMoved = reason => instruments.moved.add(1, { reason })
  }
}
