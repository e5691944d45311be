import assert from 'node:assert'
import type { Code } from '../errors.ts'
import type { PinMode } from '../model/pin.ts'
import { NameQueue } from './name-queue.ts'
import { type Operation, type OperationKind, type OperationStatus, statusOfOperation } from './operation.ts'
import { RetryTimes } from './retry-times.ts'

/** Which pins go first, and how many there may be. */
export interface WorkRule {
  /** A pin whose entry is older has no priority. */
  readonly priorityMaxAgeMs: number
  /** A pin that was tried more often has no priority. */
  readonly priorityMaxRetries: number
  /** So many pins of each lane are taken in, and so many that failed are remembered. */
  readonly windowMax: number
}

/** Where a pin waits that was never tried: with priority or without. */
export type Lane = 'fresh' | 'rest'

/** How a call to IPFS ended. `nextAttemptMs` undefined: wait until told that the node answers again. */
export type Outcome =
  | { readonly isDone: true }
  | {
      readonly isDone: false
      readonly error: string
      readonly reason: Code
      readonly nextAttemptMs: number | undefined
      /** No next attempt at all. */
      readonly isGivenUp?: boolean
    }

const LANES = { fresh: 0, retry: 1, rest: 2 } as const

type Work = { -readonly [Key in keyof Operation]: Operation[Key] }

/**
 * The CIDs about which something is to be done, each once. No I/O: a state machine between what is wanted and the
 * calls under way. A call that no longer leads to what is wanted is cancelled, and the CID's next call waits until the
 * cancelled one has returned, so that there are never two calls for one CID.
 * Pins that were never tried go first, then retries with priority, then the rest. It is a window over what waits: whoever brings
 * a new pin asks for its lane and for room there.
 */
export class WorkSet {
  readonly #rule: WorkRule
  readonly #operations = new Map<string, Work>()
  readonly #pins = [new NameQueue(), new NameQueue(), new NameQueue()] as const
  readonly #unpins = new NameQueue()
  readonly #retries = new RetryTimes()
  readonly #waiting = new Set<string>()
  readonly #counts = new Map<OperationStatus, number>()
  readonly #reasons = new Map<Code, number>()
  readonly #onStatus: (operation: Operation, status: OperationStatus) => void
  #givenUpCount = 0

  constructor(
    rule: WorkRule,
    onStatus: (operation: Operation, status: OperationStatus) => void = () => undefined,
  ) {
    this.#rule = rule
    this.#onStatus = onStatus
  }

  get(name: string): Operation | undefined {
    return this.#operations.get(name)
  }

  /** The names of all operations. */
  names(): IteratorObject<string> {
    return this.#operations.keys()
  }

  count(status: OperationStatus): number {
    return this.#counts.get(status) ?? 0
  }

  /** The lane that a new pin would wait in. An entry of long ago has no priority. */
  laneOf(entryMs: number, nowMs: number): Lane {
    return this.#isYoung(entryMs, nowMs) ? 'fresh' : 'rest'
  }

  /** Whether one more new pin may be brought to that lane. */
  hasRoom(lane: Lane): boolean {
    return this.#pins[LANES[lane]].size < this.#rule.windowMax
  }

  /** Whether it is time to bring new pins to that lane, if there are any. */
  isRunningLow(lane: Lane): boolean {
    return this.#pins[LANES[lane]].size * 2 <= this.#rule.windowMax
  }

  /**
   * Whether what has just failed is too much to be remembered: of unpins half as many as of pins, so that there is room for
   * others. Retries that wait for their turn, behind new pins that keep coming, count as well.
   */
  isFailedOver(kind: OperationKind): boolean {
    const { windowMax } = this.#rule
    if (kind === 'unpin') return this.count('unpin_error') * 2 > windowMax
    const failedCount = this.count('pin_error')
    return failedCount > windowMax || failedCount + this.count('pin_queued') > 3 * windowMax
  }

  /** Of what has failed: how often each reason stands. */
  get reasons(): ReadonlyMap<Code, number> {
    return this.#reasons
  }

  /** How many have failed as often as they may. */
  get givenUpCount(): number {
    return this.#givenUpCount
  }

  /** Unix milliseconds since when the pin whose turn it is has waited. */
  get oldestQueuedMs(): number | undefined {
    const heads = this.#pins.map(lane => this.#operations.get(lane.peek() ?? '')?.sinceMs)
    return heads.reduce((a, b) => (a === undefined || (b !== undefined && b < a) ? b : a))
  }

  /** When the next failed operation falls due; undefined when none has a time. */
  get nextRetryMs(): number | undefined {
    return this.#retries.nextMs
  }

  /** The CID is to be pinned. What failed before is tried again now; a call under way that does this goes on. */
  wantPin(name: string, mode: PinMode, entryMs: number, nowMs: number): void {
    const operation = this.#operations.get(name)
    if (operation === undefined) return this.#begin(name, { kind: 'pin', mode, entryMs }, nowMs)
    const isOnTheWay = operation.kind === 'pin' && operation.phase === 'running' && operation.mode === mode
    operation.entryMs = entryMs
    if (isOnTheWay) return
    const isSameKind = operation.kind === 'pin' && operation.phase !== 'dropped'
    operation.mode = mode
    this.#turn(operation, 'pin', isSameKind, nowMs)
  }

  /** The CID is to be unpinned. */
  wantUnpin(name: string, nowMs: number): void {
    const operation = this.#operations.get(name)
    if (operation === undefined) {
      return this.#begin(name, { kind: 'unpin', mode: 'recursive', entryMs: 0 }, nowMs)
    }
    if (operation.kind === 'unpin' && operation.phase === 'running') return
    this.#turn(operation, 'unpin', operation.kind === 'unpin' && operation.phase !== 'dropped', nowMs)
  }

  /** Nothing is to be done about the CID. */
  wantNothing(name: string, nowMs: number): void {
    const operation = this.#operations.get(name)
    if (operation === undefined || operation.phase === 'dropped') return
    this.#leave(operation)
    this.#set(operation, operation.kind, 'dropped', nowMs)
    if (operation.call === undefined) this.#operations.delete(name)
    else operation.call.abort(cancelled())
  }

  /** A failed operation is no more. */
  forget(name: string): void {
    const operation = this.#operations.get(name)
    assert(operation?.phase === 'failed', 'only what has failed can be forgotten')
    this.#leave(operation)
    this.#count(operation, -1)
    this.#operations.delete(name)
  }

  /** Brings a failed operation to the queue now. False when it has not failed. */
  retryNow(name: string, nowMs: number): boolean {
    const operation = this.#operations.get(name)
    if (operation?.phase !== 'failed') return false
    this.#turn(operation, operation.kind, true, nowMs)
    return true
  }

  /** Brings what is due to the queue. */
  retryDue(nowMs: number): void {
    for (const name of this.#retries.takeDue(nowMs)) this.retryNow(name, nowMs)
  }

  /** Brings everything to the queue that waits for the IPFS node to answer. */
  retryWaiting(nowMs: number): void {
    for (const name of this.#waiting) this.retryNow(name, nowMs)
  }

  /** The next operation of a kind, now running; its `call` is the caller's to obey. Must be given back to `finish`. */
  take(kind: OperationKind, nowMs: number): Operation | undefined {
    const name = kind === 'unpin' ? this.#unpins.take() : this.#takePin()
    const operation = name === undefined ? undefined : this.#operations.get(name)
    if (operation === undefined) return undefined
    operation.attempts += 1
    operation.blocksCount = 0
    operation.call = new AbortController()
    this.#set(operation, kind, 'running', nowMs)
    return operation
  }

  /** From now on IPFS may hold the CID. */
  noteStarted(name: string): void {
    const operation = this.#operations.get(name)
    if (operation !== undefined) operation.wasStarted = true
  }

  /** The call under way has told how many blocks are there. */
  noteBlocks(name: string, blocksCount: number): void {
    const operation = this.#operations.get(name)
    if (operation !== undefined) operation.blocksCount = blocksCount
  }

  /** The call of a taken operation has returned. True when its outcome counts: nothing else is wanted meanwhile. */
  finish(name: string, outcome: Outcome, nowMs: number): boolean {
    const operation = this.#operations.get(name)
    assert(operation?.call !== undefined, 'finish of what was not taken')
    operation.call = undefined
    if (operation.phase === 'dropped') {
      this.#operations.delete(name)
      return false
    }
    if (operation.phase === 'queued') {
      this.#enqueue(operation, nowMs)
      return false
    }
    if (outcome.isDone) {
      this.#set(operation, operation.kind, 'dropped', nowMs)
      this.#operations.delete(name)
      return true
    }
    operation.error = outcome.error
    operation.reason = outcome.reason
    operation.failedMs = nowMs
    operation.isGivenUp = outcome.isGivenUp === true
    operation.nextAttemptMs = outcome.nextAttemptMs
    this.#set(operation, operation.kind, 'failed', nowMs)
    if (operation.isGivenUp) return true
    if (outcome.nextAttemptMs === undefined) this.#waiting.add(name)
    else this.#retries.set(name, outcome.nextAttemptMs)
    return true
  }

  /** Cancels every call under way. */
  cancelAll(): void {
    for (const operation of this.#operations.values()) operation.call?.abort(cancelled())
  }

  #begin(name: string, wish: Pick<Work, 'kind' | 'mode' | 'entryMs'>, nowMs: number): void {
    const operation: Work = {
      ...wish,
      name,
      phase: 'queued',
      sinceMs: nowMs,
      attempts: 0,
      isPriority: false,
      error: '',
      reason: undefined,
      failedMs: 0,
      blocksCount: 0,
      isGivenUp: false,
      nextAttemptMs: undefined,
      wasStarted: false,
      call: undefined,
    }
    this.#operations.set(name, operation)
    this.#enter(operation)
    this.#enqueue(operation, nowMs)
  }

  /** Brings an operation to the queue, or, while a call for its CID is under way, cancels that one first. */
  #turn(operation: Work, kind: OperationKind, isSameKind: boolean, nowMs: number): void {
    if (isSameKind && operation.phase === 'queued') return
    this.#leave(operation)
    // What was given up gets the whole series again.
    if (!isSameKind || operation.isGivenUp) operation.attempts = 0
    this.#count(operation, -1)
    if (!isSameKind) {
      operation.error = ''
      operation.reason = undefined
    }
    operation.isGivenUp = false
    operation.nextAttemptMs = undefined
    this.#move(operation, kind, 'queued', nowMs)
    if (operation.call === undefined) this.#enqueue(operation, nowMs)
    else operation.call.abort(cancelled())
  }

  #enqueue(operation: Work, nowMs: number): void {
    const { kind, entryMs, attempts } = operation
    operation.isPriority =
      kind === 'pin' && this.#isYoung(entryMs, nowMs) && attempts <= this.#rule.priorityMaxRetries
    const lane = operation.isPriority ? (attempts === 0 ? LANES.fresh : LANES.retry) : LANES.rest
    if (operation.kind === 'unpin') this.#unpins.add(operation.name)
    else this.#pins[lane].add(operation.name)
  }

  #isYoung(entryMs: number, nowMs: number): boolean {
    return nowMs < entryMs + this.#rule.priorityMaxAgeMs
  }

  /** Takes an operation out of wherever it waits. */
  #leave(operation: Work): void {
    for (const lane of this.#pins) lane.delete(operation.name)
    this.#unpins.delete(operation.name)
    this.#retries.delete(operation.name)
    this.#waiting.delete(operation.name)
  }

  #takePin(): string | undefined {
    return this.#pins[0].take() ?? this.#pins[1].take() ?? this.#pins[2].take()
  }

  #set(operation: Work, kind: OperationKind, phase: Work['phase'], nowMs: number): void {
    this.#count(operation, -1)
    this.#move(operation, kind, phase, nowMs)
  }

  /** To a phase in which it is not counted yet. */
  #move(operation: Work, kind: OperationKind, phase: Work['phase'], nowMs: number): void {
    operation.kind = kind
    operation.phase = phase
    operation.sinceMs = nowMs
    this.#enter(operation)
  }

  #enter(operation: Work): void {
    this.#count(operation, 1)
    const status = statusOfOperation(operation)
    if (status !== undefined) this.#onStatus(operation, status)
  }

  #count(operation: Work, by: 1 | -1): void {
    const status = statusOfOperation(operation)
    if (status === undefined) return
    this.#counts.set(status, this.count(status) + by)
    if (operation.phase !== 'failed' || operation.reason === undefined) return
    const { reason } = operation
    const count = (this.#reasons.get(reason) ?? 0) + by
    if (count === 0) this.#reasons.delete(reason)
    else this.#reasons.set(reason, count)
    if (operation.isGivenUp) this.#givenUpCount += by
  }
}

function cancelled(): DOMException {
  return new DOMException('something else is wanted now', 'AbortError')
}
