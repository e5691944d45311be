import { messageOf, toClusterError } from '../errors.ts'
import type { Consensus, Ipfs, Logger } from '../interfaces.ts'
import { backoffMs } from '../lib/backoff.ts'
import type { Clock } from '../lib/clock.ts'
import type { Random } from '../lib/random.ts'
import { type Cid, cidFromKey, cidKey } from '../model/cid.ts'
import type { PeerId } from '../model/peer.ts'
import { modeOf, type Pin } from '../model/pin.ts'
import type { PinStatus } from '../model/pin-status.ts'
import type { Backlog } from './backlog.ts'
import type { ChangeJournal } from './change-journal.ts'
import type { HandOver } from './hand-over.ts'
import type { Intake } from './intake.ts'
import { type IpfsGate, isUnavailable } from './ipfs-gate.ts'
import type { Operation, OperationKind } from './operation.ts'
import type { PinnedView } from './pinned-view.ts'
import { covers, reconcile, type Step } from './reconcile.ts'
import type { Outcome, WorkSet } from './work-set.ts'

/** As many as the connector to Kubo puts into one request; it lets one request through at a time. */
const CONCURRENT_UNPINS = 64
const RETRY = { firstMs: 10_000, maxMs: 600_000 }

/** How a call to IPFS ended, for the metrics. */
export type CallOutcome = 'done' | 'failed' | 'cancelled'

/** What the reconciler works with. */
export interface ReconcilerParts {
  readonly consensus: Pick<Consensus, 'get'>
  readonly ipfs: Pick<Ipfs, 'pin' | 'unpin' | 'pinned'>
  readonly self: PeerId
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly work: WorkSet
  readonly view: PinnedView
  readonly journal: ChangeJournal
  readonly gate: IpfsGate
  readonly backlog: Pick<Backlog, 'get' | 'countIn' | 'put' | 'delete' | 'wake'>
  /** What is to be looked at again, whatever is decided now. */
  readonly intake: Pick<Intake, 'isNamed' | 'has' | 'putAside'>
  /** For what is in the pinset: whether others hold it, so that this peer may let go. */
  readonly handOver: Pick<HandOver, 'offer' | 'isReleased' | 'askAgain' | 'settle'>
  readonly concurrentPins: number
  /** How often a CID is tried before it is given up; 0 = for ever. */
  readonly maxAttempts: number
  /** Told of every CID about which nothing is being done any more, and of pins that have to wait for room. */
  readonly onSettled: (cid: Cid, status: PinStatus) => void
  readonly onCall: (kind: OperationKind, outcome: CallOutcome, tookMs: number) => void
}

/**
 * Closes the gaps: takes names of CIDs, reads what the pinset says about them, and calls IPFS. What to do is decided
 * again from the pinset right before each call, never carried along from the event.
 */
export class Reconciler implements AsyncDisposable {
  readonly #parts: ReconcilerParts
  readonly #calls = new Set<Promise<void>>()
  readonly #running = { pin: 0, unpin: 0 }
  readonly #stopping = new AbortController()
  /** What was just read of a CID, while it is decided what follows. */
  #justRead: { readonly name: string; readonly entry: Pin | undefined } | undefined
  #retryTimer: Disposable | undefined
  #retryAtMs = Number.POSITIVE_INFINITY

  constructor(parts: ReconcilerParts) {
    this.#parts = parts
  }

  /** Moves the work set to what the pinset says about the CID, and goes to work. A new pin waits while others do, unless it is its turn. */
  decide(name: string, cid: Cid, desired: Pin | undefined, isTurn = false): void {
    const { journal, backlog } = this.#parts
    const step = this.#stepFor(name, cid, desired)
    // What has an entry is found by the sweep; only what has none must be remembered until it is unpinned.
    if (step !== 'unpin' || desired !== undefined) this.#forget(name, cid)
    else if (backlog.get(cid) !== 'aside') journal.add(name)
    if (step === 'pin' && desired !== undefined) this.#wantPin(name, desired, isTurn)
    else if (step === 'unpin' && this.#mayLetGo(name, desired)) this.#wantUnpin(name, cid)
    else if (step === 'unpin') this.#handItOver(name, cid, desired)
    else this.#dropWork(name, cid, desired)
    this.work()
  }

  /** The same with what the pinset has said in this breath. */
  decideNow(name: string, cid: Cid, entry: Pin | undefined): void {
    this.#justRead = { name, entry }
    try {
      this.decide(name, cid, entry)
    } finally {
      this.#justRead = undefined
    }
  }

  /** The CID was met in the pinset while it waited. Whether IPFS has it by now is for IPFS to say: here it is only a guess. */
  takeTurn(pin: Pin): void {
    this.decide(cidKey(pin.cid), pin.cid, pin, true)
  }

  /** Others hold the CID: it is unpinned, unless something else is wanted by now. */
  release(name: string): void {
    const { work, handOver } = this.#parts
    if (work.get(name) !== undefined) return handOver.settle(name)
    this.#wantUnpin(name, cidFromKey(name))
    this.work()
  }

  /** Starts as many calls as may run. To be called whenever something has come to the queue, or the gate has opened. */
  work(): void {
    if (this.#stopping.signal.aborted || !this.#parts.gate.isOpen) return
    this.#startCalls('unpin', CONCURRENT_UNPINS)
    this.#startCalls('pin', this.#parts.concurrentPins)
    this.#parts.backlog.wake()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort(new DOMException('stopped', 'AbortError'))
    this.#retryTimer?.[Symbol.dispose]()
    this.#parts.work.cancelAll()
    await Promise.all(this.#calls)
  }

  /**
   * A fresh change that wants the content here goes straight to IPFS, which finds out itself whether it has it. One
   * that does not is only worth a call if IPFS may hold the content: because a pin was begun, because it was listed,
   * or because there was no listing yet.
   */
  #stepFor(name: string, cid: Cid, desired: Pin | undefined): Step {
    const { work, view, self } = this.#parts
    if (reconcile(desired, undefined, self) === 'pin') return 'pin'
    const operation = work.get(name)
    const isUnpinning = operation?.kind === 'unpin' && operation.phase !== 'dropped'
    const wasStarted = operation?.wasStarted === true || this.#wasTried(cid)
    const mayBePinned = wasStarted || isUnpinning || !view.isComplete || view.mode(cid) !== undefined
    return reconcile(desired, mayBePinned ? 'recursive' : undefined, self)
  }

  /** A pin of it was begun, and no more than that is known. */
  #wasTried(cid: Cid): boolean {
    const wait = this.#parts.backlog.get(cid)
    return wait === 'failed' || wait === 'again'
  }

  /** A new pin needs room in its lane, and nobody who waits for that longer; one that has an operation goes on with it. */
  #wantPin(name: string, desired: Pin, isTurn: boolean): void {
    const { work, backlog, clock, handOver, onSettled } = this.#parts
    const { cid, timestampMs } = desired
    handOver.settle(name)
    const nowMs = clock.now()
    const [wait, wasTried] = [backlog.get(cid), this.#wasTried(cid)]
    // How often it was tried is not known: it has no priority.
    const entryMs = wasTried ? 0 : timestampMs
    const lane = work.laneOf(entryMs, nowMs)
    const isRoom = work.hasRoom(lane) && (isTurn || backlog.countIn(lane) === 0)
    if (isRoom || work.get(name) !== undefined)
      return this.#endWait(cid, () => work.wantPin(name, modeOf(desired), entryMs, nowMs))
    backlog.put(cid, wasTried ? 'again' : lane)
    if (wait !== 'fresh' && wait !== 'rest' && wait !== 'again') onSettled(cid, 'pin_queued')
  }

  #wantUnpin(name: string, cid: Cid): void {
    const { work, clock } = this.#parts
    this.#endWait(cid, () => work.wantUnpin(name, clock.now()))
  }

  /** From the backlog to the work set. */
  #endWait(cid: Cid, begin: () => void): void {
    const wasTried = this.#wasTried(cid)
    this.#parts.backlog.delete(cid)
    begin()
    if (wasTried) this.#parts.work.noteStarted(cidKey(cid))
  }

  /** At once when nobody wants it any more, otherwise when others hold it. */
  #mayLetGo(name: string, desired: Pin | undefined): boolean {
    return desired === undefined || this.#parts.handOver.isReleased(name, desired)
  }

  /** Kept until others have it. What is done about it, fetching or letting go, is of no more use. */
  #handItOver(name: string, cid: Cid, desired: Pin | undefined): void {
    const { work, view, handOver } = this.#parts
    // A pin that failed may have taken effect all the same.
    if (work.get(name)?.wasStarted === true || this.#wasTried(cid)) view.note(cid, 'recursive')
    handOver.settle(name)
    this.#dropWork(name, cid, desired)
    handOver.offer(name)
  }

  #dropWork(name: string, cid: Cid, desired: Pin | undefined): void {
    const { work, backlog, clock, handOver, onSettled } = this.#parts
    handOver.settle(name)
    const wait = backlog.get(cid)
    const wasWaited =
      work.get(name) !== undefined || (wait !== undefined && !this.#parts.intake.has(name, cid))
    work.wantNothing(name, clock.now())
    backlog.delete(cid)
    if (wasWaited) onSettled(cid, statusWithout(desired))
  }

  /** The CID needs no unpin, unless its entry has changed again meanwhile. */
  #forget(name: string, cid: Cid): void {
    if (!this.#parts.intake.has(name, cid)) this.#parts.journal.delete(name)
  }

  #startCalls(kind: OperationKind, max: number): void {
    while (this.#running[kind] < max) {
      const operation = this.#parts.work.take(kind, this.#parts.clock.now())
      if (operation?.call === undefined) return
      this.#running[kind] += 1
      const call = this.#run(operation, operation.kind, operation.call.signal).finally(() => {
        this.#running[kind] -= 1
        this.#calls.delete(call)
        this.work()
      })
      this.#calls.add(call)
    }
  }

  async #run(operation: Operation, kind: OperationKind, signal: AbortSignal): Promise<void> {
    const { clock, work, onCall, onSettled } = this.#parts
    const beganMs = clock.monotonic()
    let outcome: Outcome
    let settled: PinStatus = 'pinned'
    try {
      if (kind === 'pin') await this.#pin(operation, signal)
      else settled = await this.#unpin(operation, signal)
      outcome = { isDone: true }
    } catch (thrown) {
      outcome = this.#failure(operation, thrown, signal)
    }
    const isValid = work.finish(operation.name, outcome, clock.now())
    if (isValid && outcome.isDone && kind === 'unpin')
      this.#forget(operation.name, cidFromKey(operation.name))
    if (kind === 'unpin') this.#parts.handOver.settle(operation.name)
    if (isValid && outcome.isDone) onSettled(cidFromKey(operation.name), settled)
    if (!outcome.isDone) this.#rememberFailed(operation)
    onCall(kind, isValid ? (outcome.isDone ? 'done' : 'failed') : 'cancelled', clock.monotonic() - beganMs)
  }

  async #pin({ name }: Operation, signal: AbortSignal): Promise<void> {
    const { ipfs, view, work, self } = this.#parts
    const cid = cidFromKey(name)
    const desired = await this.#entryOf(name, cid)
    signal.throwIfAborted()
    if (desired === undefined || reconcile(desired, undefined, self) !== 'pin') {
      return this.decide(name, cid, desired)
    }
    const mode = modeOf(desired)
    const { origins, pinUpdate } = desired
    work.noteStarted(name)
    try {
      await ipfs.pin(cid, mode, {
        signal,
        origins,
        onProgress: ({ blocks }) => work.noteBlocks(name, blocks),
        ...(pinUpdate === undefined ? {} : { update: pinUpdate }),
      })
      view.note(cid, mode)
    } catch (thrown) {
      // A cancelled call may have taken effect: whoever looks next must reckon with it.
      if (signal.aborted) view.note(cid, mode)
      // Kubo refuses a direct pin of what it holds recursively, which is more than was asked for.
      if (mode === 'recursive' || toClusterError(thrown).code !== 'IPFS_REFUSED') throw thrown
      const actual = await ipfs.pinned(cid, { signal })
      if (!covers(actual, mode)) throw thrown
      view.note(cid, actual)
    }
  }

  /** Answers with the state after it. */
  async #unpin({ name, wasStarted }: Operation, signal: AbortSignal): Promise<PinStatus> {
    const { ipfs, view, self } = this.#parts
    const cid = cidFromKey(name)
    const desired = await this.#entryOf(name, cid)
    signal.throwIfAborted()
    const after = statusWithout(desired)
    const isSurplus = reconcile(desired, 'recursive', self) === 'unpin'
    if (!isSurplus || !(await this.#isStillReleased(name, desired, signal))) {
      this.decide(name, cid, desired)
      return after
    }
    if (view.isComplete && !wasStarted && view.mode(cid) === undefined) return after
    await ipfs.unpin(cid, { signal })
    view.note(cid, undefined)
    return after
  }

  /** Read again, unless the call begins in the same breath as the look and nothing was heard of since. */
  async #entryOf(name: string, cid: Cid): Promise<Pin | undefined> {
    if (this.#justRead?.name === name && !this.#parts.intake.isNamed(name)) return this.#justRead.entry
    return await this.#parts.consensus.get(cid)
  }

  /** What others said a while ago is asked again, and then the entry must still be the one that was asked about. */
  async #isStillReleased(name: string, desired: Pin | undefined, signal: AbortSignal): Promise<boolean> {
    const { consensus, handOver } = this.#parts
    if (desired === undefined || handOver.isReleased(name, desired)) return true
    if (!(await handOver.askAgain(name, desired, signal))) return false
    const latest = await consensus.get(desired.cid)
    signal.throwIfAborted()
    return latest === undefined || handOver.isReleased(name, latest)
  }

  #failure(operation: Operation, thrown: unknown, signal: AbortSignal): Outcome {
    const { clock, random, gate, logger, maxAttempts } = this.#parts
    const failure = { isDone: false, error: messageOf(thrown), reason: toClusterError(thrown).code } as const
    if (signal.aborted) return { ...failure, nextAttemptMs: clock.now() }
    if (isUnavailable(thrown)) {
      gate.close(failure.error)
      return { ...failure, nextAttemptMs: undefined }
    }
    const { kind, attempts, name } = operation
    const fields = { kind, attempts, reason: failure.error, cid: cidFromKey(name).toString() }
    if (maxAttempts > 0 && attempts >= maxAttempts) {
      logger.warn('given up: not tried again before it is recovered', fields)
      return { ...failure, nextAttemptMs: undefined, isGivenUp: true }
    }
    logger.debug('an operation failed', fields)
    return { ...failure, nextAttemptMs: clock.now() + backoffMs(attempts, RETRY, random) }
  }

  /** Some thousand failed pins are remembered with all that is known of them; of those beyond, that they failed. */
  #rememberFailed({ name, kind, phase }: Operation): void {
    const { work, backlog, intake } = this.#parts
    if (phase === 'failed' && work.isFailedOver(kind)) {
      work.forget(name)
      if (kind === 'pin') backlog.put(cidFromKey(name), 'failed')
      else intake.putAside(name, cidFromKey(name))
    }
    this.#armRetries()
  }

  /** Wakes up when the first failed operation falls due. */
  #armRetries(): void {
    const { clock, work } = this.#parts
    const nextMs = work.nextRetryMs
    if (nextMs === undefined || nextMs >= this.#retryAtMs || this.#stopping.signal.aborted) return
    this.#retryTimer?.[Symbol.dispose]()
    this.#retryAtMs = nextMs
    this.#retryTimer = clock.schedule(Math.max(0, nextMs - clock.now()), () => {
      this.#retryAtMs = Number.POSITIVE_INFINITY
      work.retryDue(clock.now())
      this.work()
      this.#armRetries()
    })
  }
}

/** The state of a CID about which there is nothing to do here and that is not to be kept here. */
function statusWithout(desired: Pin | undefined): PinStatus {
  if (desired === undefined) return 'unpinned'
  return desired.type === 'meta-pin' ? 'sharded' : 'remote'
}
