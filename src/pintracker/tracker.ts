import type { Meter } from '@opentelemetry/api'
import { ClusterError, messageOf, toClusterError } from '../errors.ts'
import type { ByteStore, Consensus, Ipfs, Logger, Options, PinTracker } from '../interfaces.ts'
import type { Clock } from '../lib/clock.ts'
import { type Instruments, makeInstruments } from '../lib/instruments.ts'
import type { Random } from '../lib/random.ts'
import { type Cid, cidFromKey, cidKey } from '../model/cid.ts'
import type { PeerId } from '../model/peer.ts'
import type { Pin } from '../model/pin.ts'
import { isRequestName } from '../model/pin-request.ts'
import type { PinInfo, PinStatus, PinStatusFilter } from '../model/pin-status.ts'
import { ChangeJournal } from './change-journal.ts'
import type { PinTrackerConfig } from './config.ts'
import { IpfsGate, isUnavailable } from './ipfs-gate.ts'
import { TRACKER_METRICS } from './metrics.ts'
import { SETTLED_STATUSES, statusOfOperation } from './operation.ts'
import { PinnedView } from './pinned-view.ts'
import { Reconciler } from './reconciler.ts'
import { sortedNames } from './sorted-names.ts'
import { type Actual, dependsOnActual, type Facts, toPinInfo } from './status.ts'
import { SweepLoop } from './sweep-loop.ts'
import { WorkSet } from './work-set.ts'

/** How old the listing of IPFS's pins may be when statuses are listed. */
const VIEW_MAX_AGE_MS = 1000
const IN_ERROR: ReadonlySet<PinStatus> = new Set<PinStatus>(['pin_error', 'unpin_error'])

/** What the tracker works with. `store` keeps the names of pending unpins. */
export interface TrackerParts {
  readonly consensus: Pick<Consensus, 'get' | 'pins' | 'onChange'>
  readonly ipfs: Pick<Ipfs, 'pin' | 'unpin' | 'pinned' | 'allPinned'>
  readonly store: ByteStore
  readonly self: PeerId
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly meter: Meter
}

/**
 * Opens the tracker: it goes on with the unpins that an earlier run left, follows the changes of the pinset, and
 * compares the whole pinset with IPFS now and every `recoverIntervalMs`.
 */
export async function openPinTracker(parts: TrackerParts, config: PinTrackerConfig): Promise<PinTracker> {
  return new ReconcilingTracker(parts, config, await ChangeJournal.open(parts))
}

class ReconcilingTracker implements PinTracker {
  readonly #parts: TrackerParts
  readonly #work: WorkSet
  readonly #view: PinnedView
  readonly #gate: IpfsGate
  readonly #reconciler: Reconciler
  readonly #owned = new AsyncDisposableStack()

  constructor(parts: TrackerParts, config: PinTrackerConfig, journal: ChangeJournal) {
    const { consensus, clock, meter } = parts
    const instruments = makeInstruments(meter, TRACKER_METRICS)
    this.#parts = parts
    this.#work = new WorkSet(config)
    this.#owned.use(journal)
    const view = this.#owned.use(new PinnedView(parts))
    const onOpen = () => {
      this.#work.retryWaiting(clock.now())
      reconciler.work()
      sweeps.wake()
    }
    const gate = this.#owned.use(new IpfsGate({ ...parts, onOpen }))
    const reconciler = this.#owned.use(
      new Reconciler({
        ...parts,
        work: this.#work,
        view,
        gate,
        journal,
        concurrentPins: config.concurrentPins,
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
        isBusy: name => this.#work.get(name) !== undefined,
        intervalMs: config.recoverIntervalMs,
        onSweep: outcome => instruments.sweeps.add(1, { outcome }),
      }),
    )
    this.#view = view
    this.#gate = gate
    this.#reconciler = reconciler
    this.#observe(instruments)
    for (const name of journal.names()) lookAt(name)
    this.#owned.use(
      consensus.onChange(cids => {
        for (const cid of cids) {
          if (isRequestName(cid.bytes)) continue
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

  async status(cid: Cid, options: Options): Promise<PinInfo> {
    options.signal.throwIfAborted()
    const desired = await this.#parts.consensus.get(cid)
    const actual = dependsOnActual(this.#factsOf(cid, desired)) ? await this.#ask(cid, options) : undefined
    // Asking takes time: an operation may have come or gone meanwhile.
    return toPinInfo(this.#factsOf(cid, desired, actual))
  }

  async *statuses(filter: PinStatusFilter, options: Options): AsyncGenerator<PinInfo> {
    if (filter !== undefined && !SETTLED_STATUSES.some(status => filter.has(status))) {
      yield* this.#ongoing(filter, options)
      return
    }
    const isActualAsked = filter === undefined || filter.has('pinned') || filter.has('unexpectedly_unpinned')
    const failure = isActualAsked ? await this.#refresh(VIEW_MAX_AGE_MS, options) : undefined
    for await (const info of this.#listed(failure, options)) {
      // What IPFS cannot be asked about may be any of those that were asked for.
      const isUnknown = info.status === 'cluster_error' && isActualAsked
      if (filter === undefined || filter.has(info.status) || isUnknown) yield info
    }
  }

  async recover(cid: Cid, options: Options): Promise<PinInfo> {
    const info = await this.status(cid, options)
    if (info.status === 'unpinned') {
      throw new ClusterError('NOT_FOUND', `cannot recover ${cid.toString()}: pin is not part of the pinset`)
    }
    return this.#tryAgain(info) ?? info
  }

  async *recoverAll(options: Options): AsyncGenerator<PinInfo> {
    for await (const info of this.#ongoing(IN_ERROR, options)) {
      const recovered = info.pin === undefined ? this.#tryAgain(info) : undefined
      if (recovered !== undefined) yield recovered
    }
    const failure = await this.#refresh(0, options)
    for await (const info of this.#listed(failure, options)) {
      const recovered = this.#tryAgain(info)
      if (recovered !== undefined) yield recovered
    }
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
  async *#listed(failure: string | undefined, options: Options): AsyncGenerator<PinInfo> {
    for await (const pin of this.#parts.consensus.pins({}, options)) {
      const actual = failure === undefined ? this.#view.mode(pin.cid) : { failure }
      yield toPinInfo(this.#factsOf(pin.cid, pin, actual))
    }
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
    try {
      const mode = await this.#parts.ipfs.pinned(cid, options)
      this.#view.note(cid, mode)
      return mode
    } catch (thrown) {
      options.signal.throwIfAborted()
      return { failure: toClusterError(thrown).message }
    }
  }

  /** Brings the view up to date; answers with the reason when that cannot be done. */
  async #refresh(maxAgeMs: number, options: Options): Promise<string | undefined> {
    if (!this.#gate.isOpen) return this.#gate.reason
    try {
      await this.#view.refresh(maxAgeMs, options)
      return undefined
    } catch (thrown) {
      options.signal.throwIfAborted()
      const reason = messageOf(thrown)
      if (isUnavailable(thrown)) this.#gate.close(reason)
      else this.#parts.logger.warn('the pins of IPFS cannot be listed', { reason })
      return reason
    }
  }

  #factsOf(cid: Cid, desired: Pin | undefined, actual?: Actual): Facts {
    const name = cidKey(cid)
    return {
      cid,
      desired,
      actual,
      operation: this.#work.get(name),
      isChanged: this.#reconciler.isToBeLookedAt(name),
      ipfsFailure: this.#gate.isOpen ? undefined : this.#gate.reason,
      self: this.#parts.self,
      nowMs: this.#parts.clock.now(),
    }
  }

  #observe(instruments: Instruments<typeof TRACKER_METRICS>): void {
    const { clock } = this.#parts
    const work = this.#work
    instruments.pinQueued.observe(() => work.count('pin_queued'))
    instruments.pinning.observe(() => work.count('pinning'))
    instruments.pinError.observe(() => work.count('pin_error'))
    instruments.unpinQueued.observe(() => work.count('unpin_queued'))
    instruments.unpinError.observe(() => work.count('unpin_error'))
    instruments.changedNames.observe(() => this.#reconciler.namesCount)
    instruments.queueAge.observe(() => (clock.now() - (work.oldestQueuedMs ?? clock.now())) / 1000)
    instruments.ipfsAnswers.observe(() => (this.#gate.isOpen ? 1 : 0))
    instruments.knownPins.observe(() => this.#view.pinsCount)
  }
}
