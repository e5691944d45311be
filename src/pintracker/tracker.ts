import { ClusterError, messageOf, toClusterError } from '../errors.ts'
import type { Options, PinTracker } from '../interfaces.ts'
import { Emitter } from '../lib/emitter.ts'
import { makeInstruments } from '../lib/instruments.ts'
import { firstOf, mapPages, Pages, pagesOf } from '../lib/pages.ts'
import { type Cid, cidFromKey, cidKey } from '../model/cid.ts'
import { isHiddenName } from '../model/entry-name.ts'
import type { NoRoom } from '../model/no-room.ts'
import { isAllocatedTo, modeOf, type Pin } from '../model/pin.ts'
import type { PinRange } from '../model/pin-range.ts'
import type { PinInfo, PinStatus, PinStatusFilter, StatusChange } from '../model/pin-status.ts'
import type { PinSummary } from '../model/pin-summary.ts'
import type { PinWhy } from '../model/pin-why.ts'
import type { RecoverFilter } from '../model/recover-filter.ts'
import { isInRange } from '../model/status-range.ts'
import { ChangeJournal } from './change-journal.ts'
import type { PinTrackerConfig } from './config.ts'
import { HandOver } from './hand-over.ts'
import { IpfsGate, isUnavailable } from './ipfs-gate.ts'
import { Keepers } from './keepers.ts'
import { observeTracker, TRACKER_METRICS } from './metrics.ts'
import { noRoomIn } from './no-room.ts'
import {
  isSettled,
  OPERATION_STATUSES,
  type Operation,
  SETTLED_STATUSES,
  statusOfOperation,
} from './operation.ts'
import { PinnedView } from './pinned-view.ts'
import { covers, reconcile } from './reconcile.ts'
import { Reconciler } from './reconciler.ts'
import { sortedNames } from './sorted-names.ts'
import {
  type Actual,
  dependsOnActual,
  type Facts,
  lastFailureOf,
  operationChange,
  settledChange,
  toPinInfo,
  type Unasked,
} from './status.ts'
import { SweepLoop } from './sweep-loop.ts'
import type { TrackerParts } from './tracker-parts.ts'
import { WorkSet } from './work-set.ts'

/** How old the listing of IPFS's pins may be when statuses are listed. */
const VIEW_MAX_AGE_MS = 1000
/** How long a listing waits for a younger one than there is. */
const VIEW_PATIENCE_MS = 30
/** How old it may be when another peer is told what is held here, and lets go of its own copy for that. */
const HOLDS_MAX_AGE_MS = 60_000
const IN_ERROR: ReadonlySet<PinStatus> = new Set<PinStatus>(['pin_error', 'unpin_error'])

/**
 * Opens the tracker: it goes on with the unpins that an earlier run left, follows the changes of the pinset from the moment
 * of the call, and compares the whole pinset with IPFS now and every `recoverIntervalMs`.
 */
export async function openPinTracker(parts: TrackerParts, config: PinTrackerConfig): Promise<PinTracker> {
  // What is removed while the journal is read leaves no other trace.
  const early: (readonly Cid[])[] = []
  using _listening = parts.consensus.onChange(cids => void early.push(cids))
  const journal = await ChangeJournal.open(parts)
  for (const cid of early.flat()) if (!isHiddenName(cid.bytes)) journal.add(cidKey(cid))
  return new ReconcilingTracker(parts, config, journal)
}

class ReconcilingTracker implements PinTracker {
  readonly noRoom: NoRoom
  readonly #parts: TrackerParts
  readonly #work: WorkSet
  readonly #view: PinnedView
  readonly #gate: IpfsGate
  readonly #reconciler: Reconciler
  readonly #handOver: HandOver
  readonly #changes = new Emitter<StatusChange>()
  readonly #owned = new AsyncDisposableStack()

  constructor(parts: TrackerParts, config: PinTrackerConfig, journal: ChangeJournal) {
    const { consensus, clock, meter } = parts
    const instruments = makeInstruments(meter, TRACKER_METRICS)
    this.#parts = parts
    this.#work = new WorkSet(config, operation => this.#tell(operation))
    this.noRoom = noRoomIn(this.#work)
    this.#owned.use(journal)
    const view = this.#owned.use(new PinnedView(parts))
    const onOpen = () => {
      this.#work.retryWaiting(clock.now())
      reconciler.work()
      sweeps.wake()
    }
    const gate = this.#owned.use(new IpfsGate({ ...parts, onOpen }))
    const handOver = this.#owned.use(
      new HandOver({
        ...parts,
        keepers: new Keepers(parts),
        view,
        work: this.#work,
        release: name => reconciler.release(name),
      }),
    )
    const reconciler: Reconciler = this.#owned.use(
      new Reconciler({
        ...parts,
        handOver,
        work: this.#work,
        view,
        gate,
        journal,
        concurrentPins: config.concurrentPins,
        maxAttempts: config.maxAttempts,
        onSettled: (cid, status) => this.#changes.emit(settledChange(cid, status, clock.now())),
        onCall: (operation, outcome, tookMs) =>
          instruments.operations.record(tookMs / 1000, { operation, outcome }),
      }),
    )
    const lookAt = (name: string) => reconciler.lookAt(name)
    const sweeps = this.#owned.use(
      new SweepLoop({
        ...parts,
        view,
        gate,
        lookAt,
        offer: name => handOver.offer(name),
        isBusy: name => this.#work.get(name) !== undefined,
        intervalMs: config.recoverIntervalMs,
        onSweep: outcome => instruments.sweeps.add(1, { outcome }),
      }),
    )
    this.#view = view
    this.#gate = gate
    this.#reconciler = reconciler
    this.#handOver = handOver
    observeTracker(instruments, { work: this.#work, reconciler, view, gate, clock, tracker: this })
    for (const name of journal.names()) lookAt(name)
    this.#owned.use(
      consensus.onChange(cids => {
        for (const cid of cids) {
          if (isHiddenName(cid.bytes)) continue
          const name = cidKey(cid)
          journal.add(name)
          lookAt(name)
        }
      }),
    )
  }

  get queueLength(): number {
    return this.#work.count('pin_queued')
  }

  get pinnedCount(): number | undefined {
    return this.#view.isComplete ? this.#view.pinsCount : undefined
  }

  get handOverCount(): number {
    return this.#handOver.count + this.#reconciler.namesCount
  }

  async status(cid: Cid, options: Options): Promise<PinInfo> {
    options.signal.throwIfAborted()
    const desired = await this.#parts.consensus.get(cid)
    const actual = dependsOnActual(this.#factsOf(cid, desired)) ? await this.#ask(cid, options) : undefined
    // Asking takes time: an operation may have come or gone meanwhile.
    return toPinInfo(this.#factsOf(cid, desired, actual))
  }

  statuses(
    filter: PinStatusFilter,
    { range = {}, signal }: Options & { readonly range?: PinRange },
  ): AsyncIterable<PinInfo> {
    const matching = new Pages(this.#matching(filter, range, { signal }))
    return range.limit === undefined ? matching : firstOf(matching, range.limit)
  }

  async *#matching(
    filter: PinStatusFilter,
    range: PinRange,
    options: Options,
  ): AsyncGenerator<readonly PinInfo[]> {
    if (filter !== undefined && !SETTLED_STATUSES.some(status => filter.has(status))) {
      for await (const info of this.#ongoing(filter, options))
        if (isInRange(info.cid, info.pin, range)) yield [info]
      return
    }
    const isActualAsked = filter === undefined || filter.has('pinned') || filter.has('unexpectedly_unpinned')
    const failure = isActualAsked ? await this.#refreshSoon(options) : undefined
    for await (const page of pagesOf(this.#listed(failure, range, options))) {
      // What IPFS cannot be asked about may be any of those that were asked for.
      const isUnknown = ({ status }: PinInfo) => status === 'cluster_error' && isActualAsked
      yield filter === undefined ? page : page.filter(info => filter.has(info.status) || isUnknown(info))
    }
  }

  async recover(cid: Cid, options: Options): Promise<PinInfo> {
    const info = await this.status(cid, options)
    if (info.status === 'unpinned') {
      throw new ClusterError('NOT_FOUND', `cannot recover ${cid.toString()}: pin is not part of the pinset`)
    }
    return this.#tryAgain(info) ?? info
  }

  async *recoverAll({
    filter = {},
    signal,
  }: Options & { readonly filter?: RecoverFilter }): AsyncGenerator<PinInfo> {
    let left = filter.limit ?? Number.POSITIVE_INFINITY
    for await (const info of this.#recoverable(filter, { signal })) {
      const recovered = this.#tryAgain(info)
      if (recovered === undefined) continue
      yield recovered
      left -= 1
      if (left <= 0) return
    }
  }

  async *#recoverable({ statuses, reasons }: RecoverFilter, options: Options): AsyncGenerator<PinInfo> {
    const isWanted = ({ status, reason }: PinInfo) =>
      statuses?.has(status) !== false &&
      (reasons === undefined || (reason !== undefined && reasons.has(reason)))
    for await (const info of this.#ongoing(IN_ERROR, options)) {
      if (info.pin === undefined && isWanted(info)) yield info
    }
    const failure = await this.#refresh(0, options)
    for await (const info of this.#listed(failure, {}, options)) if (isWanted(info)) yield info
  }

  async summary(options: Options): Promise<PinSummary> {
    const failure = await this.#refresh(VIEW_MAX_AGE_MS, options)
    const settled = new Map<PinStatus, number>()
    let pinsCount = 0
    for await (const page of pagesOf(this.#listed(failure, {}, options))) {
      pinsCount += page.length
      for (const { cid, status } of page) {
        // Operations are counted as they come and go, also those of CIDs that have no entry any more.
        if (isSettled(this.#work.get(cidKey(cid)))) settled.set(status, (settled.get(status) ?? 0) + 1)
      }
    }
    for (const status of OPERATION_STATUSES) {
      const count = this.#work.count(status) + (settled.get(status) ?? 0)
      if (count > 0) settled.set(status, count)
    }
    const { reasons, givenUpCount } = this.#work
    const ipfsFailure = failure?.failure ?? this.#ipfsFailure ?? ''
    return { pinsCount, statuses: settled, reasons: new Map(reasons), givenUpCount, ipfsFailure }
  }

  async why(cid: Cid, options: Options): Promise<PinWhy> {
    options.signal.throwIfAborted()
    const desired = await this.#parts.consensus.get(cid)
    const actual = await this.#ask(cid, options)
    const info = toPinInfo(this.#factsOf(cid, desired, actual))
    const lastFailure = lastFailureOf(this.#work.get(cidKey(cid)))
    const isWanted = desired !== undefined && reconcile(desired, undefined, this.#parts.self) === 'pin'
    return {
      info,
      wants: isWanted ? modeOf(desired) : 'nothing',
      has: typeof actual === 'object' ? 'unknown' : (actual ?? 'nothing'),
      ipfsFailure: typeof actual === 'object' ? actual.failure : (this.#ipfsFailure ?? ''),
      ...(lastFailure === undefined ? {} : { lastFailure }),
    }
  }

  async holds(cids: readonly Cid[], options: Options): Promise<readonly boolean[]> {
    const { consensus, self } = this.#parts
    const failure = await this.#refresh(HOLDS_MAX_AGE_MS, options)
    if (failure !== undefined) return cids.map(() => false)
    const pins = await Promise.all(cids.map(cid => consensus.get(cid)))
    return pins.map(pin => {
      if (pin === undefined || !isAllocatedTo(pin, self)) return false
      const name = cidKey(pin.cid)
      const isAtRest = this.#work.get(name) === undefined && !this.#reconciler.isToBeLookedAt(name)
      return isAtRest && covers(this.#view.mode(pin.cid), modeOf(pin))
    })
  }

  onStatus(listener: (change: StatusChange) => void): Disposable {
    return this.#changes.on(listener)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#owned.disposeAsync()
  }

  /** Operations that match, in order, also of CIDs that are no longer in the pinset. */
  async *#ongoing(filter: ReadonlySet<PinStatus>, { signal }: Options): AsyncGenerator<PinInfo> {
    const isMatching = (name: string) => {
      const operation = this.#work.get(name)
      const status = operation === undefined ? undefined : statusOfOperation(operation)
      return status !== undefined && filter.has(status)
    }
    const names = this.#work.names().filter(isMatching)
    for await (const name of sortedNames(names, this.#parts.clock, signal)) {
      signal.throwIfAborted()
      const cid = cidFromKey(name)
      const desired = await this.#parts.consensus.get(cid)
      if (isMatching(name)) yield toPinInfo(this.#factsOf(cid, desired))
    }
  }

  /** Every entry of the pinset with its state, in order. */
  #listed(failure: Unasked | undefined, range: PinRange, options: Options): AsyncIterable<PinInfo> {
    // The limit counts what is shown, which the pinset cannot know.
    const { limit: _, ...entries } = range
    return mapPages(this.#parts.consensus.pins(entries, options), page =>
      page.map(pin => toPinInfo(this.#factsOf(pin.cid, pin, failure ?? this.#view.mode(pin.cid)))),
    )
  }

  /** Queues what is in error or missing, and answers with its state after that; undefined when there is no need. */
  #tryAgain({ cid, status, pin }: PinInfo): PinInfo | undefined {
    const name = cidKey(cid)
    if (status === 'unexpectedly_unpinned') this.#reconciler.decide(name, cid, pin)
    else if (!IN_ERROR.has(status) || !this.#work.retryNow(name, this.#parts.clock.now())) return undefined
    this.#reconciler.work()
    return toPinInfo(this.#factsOf(cid, pin))
  }

  /** What IPFS says about one CID. */
  async #ask(cid: Cid, options: Options): Promise<Actual> {
    const before = this.#view.mode(cid)
    try {
      const mode = await this.#parts.ipfs.pinned(cid, options)
      // What was pinned or unpinned meanwhile is younger than the answer.
      if (this.#view.mode(cid) === before) this.#view.note(cid, mode)
      return mode
    } catch (thrown) {
      options.signal.throwIfAborted()
      const { code, message } = toClusterError(thrown)
      return { failure: message, reason: code }
    }
  }

  /** Brings the view up to date; answers with the reason when that cannot be done. */
  async #refresh(maxAgeMs: number, options: Options): Promise<Unasked | undefined> {
    if (!this.#gate.isOpen) return { failure: this.#gate.reason, reason: 'IPFS_UNAVAILABLE' }
    try {
      await this.#view.refresh(maxAgeMs, options)
      return undefined
    } catch (thrown) {
      options.signal.throwIfAborted()
      const reason = messageOf(thrown)
      if (isUnavailable(thrown)) this.#gate.close(reason)
      else this.#parts.logger.warn('the pins of IPFS cannot be listed', { reason })
      return { failure: reason, reason: toClusterError(thrown).code }
    }
  }

  /**
   * The same for a listing, which is to begin at once: what IPFS takes long to list is shown as of the last listing and what
   * was done since, while a new one is made for the next.
   */
  async #refreshSoon(options: Options): Promise<Unasked | undefined> {
    const refreshed = this.#refresh(VIEW_MAX_AGE_MS, options)
    if (!this.#view.isComplete) return refreshed
    const patience = Promise.withResolvers<undefined>()
    using _limit = this.#parts.clock.schedule(VIEW_PATIENCE_MS, () => patience.resolve(undefined))
    return await Promise.race([refreshed, patience.promise])
  }

  get #ipfsFailure(): string | undefined {
    return this.#gate.isOpen ? undefined : this.#gate.reason
  }

  #factsOf(cid: Cid, desired: Pin | undefined, actual?: Actual): Facts {
    const name = cidKey(cid)
    return {
      cid,
      desired,
      actual,
      operation: this.#work.get(name),
      isChanged: this.#reconciler.isToBeLookedAt(name),
      ipfsFailure: this.#ipfsFailure,
      self: this.#parts.self,
      nowMs: this.#parts.clock.now(),
    }
  }

  #tell(operation: Operation): void {
    if (!this.#changes.hasListeners) return
    const { clock, self } = this.#parts
    const facts = { self, ipfsFailure: this.#ipfsFailure, nowMs: clock.now() }
    this.#changes.emit(operationChange(operation, facts))
  }
}
