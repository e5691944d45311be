import { ClusterError } from '../errors.ts'
import type { Options, PinTracker } from '../interfaces.ts'
import { Emitter } from '../lib/emitter.ts'
import { makeInstruments } from '../lib/instruments.ts'
import { firstOf, Pages } from '../lib/pages.ts'
import { type Cid, cidKey } from '../model/cid.ts'
import { isHiddenName } from '../model/entry-name.ts'
import type { NoRoom } from '../model/no-room.ts'
import type { PinRange } from '../model/pin-range.ts'
import type { PinInfo, PinStatus, PinStatusFilter, StatusChange } from '../model/pin-status.ts'
import type { PinSummary } from '../model/pin-summary.ts'
import type { PinWhy } from '../model/pin-why.ts'
import type { RecoverFilter } from '../model/recover-filter.ts'
import { Backlog } from './backlog.ts'
import { ChangeJournal } from './change-journal.ts'
import { CidTable } from './cid-table.ts'
import type { PinTrackerConfig } from './config.ts'
import { HandOver } from './hand-over.ts'
import { IpfsGate } from './ipfs-gate.ts'
import { Keepers } from './keepers.ts'
import { observeTracker, TRACKER_METRICS } from './metrics.ts'
import { noRoomIn } from './no-room.ts'
import { type Operation } from './operation.ts'
import { PinnedView } from './pinned-view.ts'
import { Reconciler } from './reconciler.ts'
import { operationChange, settledChange } from './status.ts'
import { StatusReader } from './status-reader.ts'
import { SweepLoop } from './sweep-loop.ts'
import type { TrackerParts } from './tracker-parts.ts'
import { WorkSet } from './work-set.ts'

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
  readonly #backlog: Backlog
  readonly #reader: StatusReader
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
    const table = new CidTable(parts.random)
    const view = this.#owned.use(new PinnedView({ ...parts, table }))
    const onOpen = () => {
      this.#work.retryWaiting(clock.now())
      reconciler.work()
      sweeps.wake()
    }
    const gate = this.#owned.use(new IpfsGate({ ...parts, onOpen }))
    const backlog = this.#owned.use(
      new Backlog({ ...parts, table, work: this.#work, onTurn: pin => reconciler.takeTurn(pin) }),
    )
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
        backlog,
        journal,
        ...config,
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
        hasRoomToLook: () => reconciler.hasRoomToLook,
        offer: name => handOver.offer(name),
        isBusy: (name, cid) => this.#work.get(name) !== undefined || backlog.get(cid) !== undefined,
        intervalMs: config.recoverIntervalMs,
        onSweep: outcome => instruments.sweeps.add(1, { outcome }),
      }),
    )
    this.#view = view
    this.#gate = gate
    this.#backlog = backlog
    this.#reader = new StatusReader({ ...parts, work: this.#work, backlog, view, gate, reconciler })
    this.#reconciler = reconciler
    this.#handOver = handOver
    observeTracker(instruments, { work: this.#work, backlog, reconciler, view, gate, clock, tracker: this })
    for (const name of journal.names()) lookAt(name)
    this.#owned.use(
      consensus.onChange((cids, hadEntry) => {
        cids.forEach((cid, at) => {
          if (isHiddenName(cid.bytes)) return
          const name = cidKey(cid)
          // What had no entry is in the pinset now, where it is found again: nothing about it must be remembered.
          if (hadEntry?.[at] === false) return reconciler.lookAtNew(name, cid)
          journal.add(name)
          lookAt(name)
        })
      }),
    )
  }

  get queueLength(): number {
    return this.#work.count('pin_queued') + this.#backlog.queuedCount
  }

  get pinnedCount(): number | undefined {
    return this.#view.isComplete ? this.#view.pinsCount : undefined
  }

  get handOverCount(): number {
    return this.#handOver.count + this.#reconciler.namesCount
  }

  status(cid: Cid, options: Options): Promise<PinInfo> {
    return this.#reader.status(cid, options)
  }

  statuses(
    filter: PinStatusFilter,
    { range = {}, signal }: Options & { readonly range?: PinRange },
  ): AsyncIterable<PinInfo> {
    const matching = new Pages(this.#reader.matching(filter, range, { signal }))
    return range.limit === undefined ? matching : firstOf(matching, range.limit)
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
    const { statuses, reasons } = filter
    const isWanted = ({ status, reason }: PinInfo) =>
      statuses?.has(status) !== false &&
      (reasons === undefined || (reason !== undefined && reasons.has(reason)))
    for await (const info of this.#reader.troubled(isWanted, IN_ERROR, { signal })) {
      const recovered = this.#tryAgain(info)
      if (recovered === undefined) continue
      yield recovered
      left -= 1
      if (left <= 0) return
    }
  }

  summary(options: Options): Promise<PinSummary> {
    return this.#reader.summary(options)
  }

  why(cid: Cid, options: Options): Promise<PinWhy> {
    return this.#reader.why(cid, options)
  }

  holds(cids: readonly Cid[], options: Options): Promise<readonly boolean[]> {
    return this.#reader.holds(cids, options)
  }

  onStatus(listener: (change: StatusChange) => void): Disposable {
    return this.#changes.on(listener)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#owned.disposeAsync()
  }

  /** Queues what is in error or missing, and answers with its state after that; undefined when there is no need. */
  #tryAgain({ cid, status, pin }: PinInfo): PinInfo | undefined {
    const name = cidKey(cid)
    const isMissing = status === 'unexpectedly_unpinned' || this.#backlog.get(cid) === 'failed'
    if (isMissing) this.#reconciler.decide(name, cid, pin)
    else if (!IN_ERROR.has(status) || !this.#work.retryNow(name, this.#parts.clock.now())) return undefined
    this.#reconciler.work()
    return this.#reader.infoOf(cid, pin)
  }

  #tell(operation: Operation): void {
    if (!this.#changes.hasListeners) return
    const { clock, self } = this.#parts
    const ipfsFailure = this.#gate.isOpen ? undefined : this.#gate.reason
    const facts = { self, ipfsFailure, nowMs: clock.now() }
    this.#changes.emit(operationChange(operation, facts))
  }
}
