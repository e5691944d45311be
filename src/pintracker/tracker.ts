import { ClusterError } from '../errors.ts'
import type { Options, PinTracker } from '../interfaces.ts'
import { Emitter } from '../lib/emitter.ts'
import { makeInstruments } from '../lib/instruments.ts'
import { firstOf, Pages } from '../lib/pages.ts'
import { type Cid, cidKey } from '../model/cid.ts'
import { isHiddenName } from '../model/entry-name.ts'
import type { NoRoom } from '../model/no-room.ts'
import type { Pin } from '../model/pin.ts'
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
import { Intake } from './intake.ts'
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
  const journal = await ChangeJournal.open({ ...parts, windowMax: config.windowMax })
  for (const cid of early.flat()) {
    if (isHiddenName(cid.bytes)) continue
    if (journal.hasRoom) journal.add(cidKey(cid))
    else journal.putAside(cidKey(cid))
  }
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
  readonly #intake: Intake
  readonly #handOver: HandOver
  readonly #changes = new Emitter<StatusChange>()
  readonly #owned = new AsyncDisposableStack()

  constructor(parts: TrackerParts, config: PinTrackerConfig, journal: ChangeJournal) {
    const { consensus, clock, meter } = parts
    const instruments = makeInstruments(meter, TRACKER_METRICS)
    const work = new WorkSet(config, operation => this.#tell(operation))
    const table = new CidTable(parts.random)
    this.#owned.use(journal)
    const view = this.#owned.use(new PinnedView({ ...parts, table }))
    const onOpen = () => {
      work.retryWaiting(clock.now())
      reconciler.work()
      sweeps.wake()
    }
    const gate = this.#owned.use(new IpfsGate({ ...parts, onOpen }))
    const onTurn = (pin: Pin) => reconciler.takeTurn(pin)
    const backlog = this.#owned.use(new Backlog({ ...parts, table, work, onTurn }))
    const shared = { ...parts, ...config, work, view, gate, backlog, journal }
    const release = (name: string) => reconciler.release(name)
    const handOver = this.#owned.use(new HandOver({ ...shared, keepers: new Keepers(parts), release }))
    const onRead = (name: string, cid: Cid, entry: Pin | undefined) => reconciler.decideNow(name, cid, entry)
    const intake = this.#owned.use(new Intake({ ...shared, onRead }))
    const reconciler: Reconciler = this.#owned.use(
      new Reconciler({
        ...shared,
        handOver,
        intake,
        onSettled: (cid, status) => this.#changes.emit(settledChange(cid, status, clock.now())),
        onCall: (operation, outcome, tookMs) =>
          instruments.operations.record(tookMs / 1000, { operation, outcome }),
      }),
    )
    const lookAt = (name: string) => intake.add(name)
    const sweeps = this.#owned.use(
      new SweepLoop({
        ...shared,
        lookAt,
        hasRoomToLook: () => intake.hasRoom,
        offer: name => handOver.offer(name),
        isBusy: (name, cid) => work.get(name) !== undefined || backlog.get(cid) !== undefined,
        intervalMs: config.recoverIntervalMs,
        onSweep: outcome => instruments.sweeps.add(1, { outcome }),
      }),
    )
    this.noRoom = noRoomIn(work)
    this.#parts = parts
    this.#work = work
    this.#view = view
    this.#gate = gate
    this.#backlog = backlog
    this.#intake = intake
    this.#reconciler = reconciler
    this.#handOver = handOver
    this.#reader = new StatusReader({ ...shared, intake })
    observeTracker(instruments, { ...shared, intake, tracker: this })
    for (const name of journal.names()) lookAt(name)
    this.#owned.use(consensus.onChange((cids, hadEntry) => this.#take(cids, hadEntry)))
  }

  get queueLength(): number {
    return this.#work.count('pin_queued') + this.#backlog.queuedCount
  }

  get pinnedCount(): number | undefined {
    return this.#view.isComplete ? this.#view.pinsCount : undefined
  }

  get handOverCount(): number {
    return this.#handOver.count + this.#intake.size
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

  #take(cids: readonly Cid[], hadEntry: readonly boolean[] | undefined): void {
    cids.forEach((cid, at) => {
      if (isHiddenName(cid.bytes)) return
      if (hadEntry?.[at] === false) this.#intake.addNew(cidKey(cid), cid)
      else this.#intake.addChanged(cidKey(cid), cid)
    })
  }

  #tell(operation: Operation): void {
    if (!this.#changes.hasListeners) return
    const { clock, self } = this.#parts
    const ipfsFailure = this.#gate.isOpen ? undefined : this.#gate.reason
    const facts = { self, ipfsFailure, nowMs: clock.now() }
    this.#changes.emit(operationChange(operation, facts))
  }
}
