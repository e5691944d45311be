import assert from 'node:assert'
import type { PinMode } from '../model/pin.ts'
import { NameQueue } from './name-queue.ts'
import { type Operation, type OperationKind, type OperationStatus, statusOfOperation } from './operation.ts'
import { RetryTimes } from './retry-times.ts'

/** Which pins go first. */
export interface PriorityRule {
  /** A pin whose entry is older has no priority. */
  readonly priorityMaxAgeMs: number
  /** A pin that was tried more often has no priority. */
  readonly priorityMaxRetries: number
}

/** How a call to IPFS ended. `nextAttemptMs` undefined: wait until told that the node answers again. */
export type Outcome =
  | { readonly isDone: true }
  | { readonly isDone: false; readonly error: string; readonly nextAttemptMs: number | undefined }

type Work = { -readonly [Key in keyof Operation]: Operation[Key] }

/**
 * The CIDs about which something is to be done, each once. No I/O: a state machine between what is wanted and the
 * calls under way. A call that no longer leads to what is wanted is cancelled, and the CID's next call waits until the
 * cancelled one has returned, so that there are never two calls for one CID.
 * Pins that were never tried go first, then retries with priority, then the rest. Bounded by the pinset: names only.
 */
export class WorkSet {
  readonly #rule: PriorityRule
  readonly #operations = new Map<string, Work>()
  readonly #pins = [new NameQueue(), new NameQueue(), new NameQueue()] as const
  readonly #unpins = new NameQueue()
  readonly #retries = new RetryTimes()
  readonly #waiting = new Set<string>()
  readonly #counts = new Map<OperationStatus, number>()

  constructor(rule: PriorityRule) {
    this.#rule = rule
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
    operation.call = new AbortController()
    this.#set(operation, kind, 'running', nowMs)
    return operation
  }

  /** From now on IPFS may hold the CID. */
  noteStarted(name: string): void {
    const operation = this.#operations.get(name)
    if (operation !== undefined) operation.wasStarted = true
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
    operation.nextAttemptMs = outcome.nextAttemptMs
    this.#set(operation, operation.kind, 'failed', nowMs)
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
      nextAttemptMs: undefined,
      wasStarted: false,
      call: undefined,
    }
    this.#operations.set(name, operation)
    this.#add(operation, 1)
    this.#enqueue(operation, nowMs)
  }

  /** Brings an operation to the queue, or, while a call for its CID is under way, cancels that one first. */
  #turn(operation: Work, kind: OperationKind, isSameKind: boolean, nowMs: number): void {
    if (isSameKind && operation.phase === 'queued') return
    this.#leave(operation)
    if (!isSameKind) operation.attempts = 0
    operation.error = ''
    operation.nextAttemptMs = undefined
    this.#set(operation, kind, 'queued', nowMs)
    if (operation.call === undefined) this.#enqueue(operation, nowMs)
    else operation.call.abort(cancelled())
  }

  #enqueue(operation: Work, nowMs: number): void {
    const isYoung = nowMs < operation.entryMs + this.#rule.priorityMaxAgeMs
    operation.isPriority =
      operation.kind === 'pin' && isYoung && operation.attempts <= this.#rule.priorityMaxRetries
    const lane = operation.isPriority ? (operation.attempts === 0 ? 0 : 1) : 2
    if (operation.kind === 'unpin') this.#unpins.add(operation.name)
    else this.#pins[lane].add(operation.name)
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
    this.#add(operation, -1)
    operation.kind = kind
    operation.phase = phase
    operation.sinceMs = nowMs
    this.#add(operation, 1)
  }

  #add(operation: Work, by: 1 | -1): void {
    const status = statusOfOperation(operation)
    if (status !== undefined) this.#counts.set(status, this.count(status) + by)
  }
}

function cancelled(): DOMException {
  return new DOMException('something else is wanted now', 'AbortError')
}
