import type { Cid } from '../model/cid.ts'
import type { PeerId } from '../model/peer.ts'
import { isAllocatedTo, modeOf, type Pin, type PinMode } from '../model/pin.ts'
import type { PinInfo } from '../model/pin-status.ts'
import { type Operation, statusOfOperation } from './operation.ts'
import { covers } from './reconcile.ts'

/** How IPFS holds a CID: its mode, undefined for not at all, or why that could not be found out. */
export type Actual = PinMode | undefined | { readonly failure: string }

/** All that the state of a CID on this peer depends on. */
export interface Facts {
  readonly cid: Cid
  readonly desired: Pin | undefined
  readonly operation: Operation | undefined
  /** The entry changed and the tracker has not looked at it yet. */
  readonly isChanged: boolean
  /** Of no meaning where an operation or the entry tells the state. */
  readonly actual: Actual
  /** Why nothing is sent to IPFS at present. */
  readonly ipfsFailure: string | undefined
  readonly self: PeerId
  readonly nowMs: number
}

/** Whether the state of the CID depends on what IPFS says. */
export function dependsOnActual(facts: Omit<Facts, 'actual'>): boolean {
  const { desired, operation, self, isChanged } = facts
  if (operation !== undefined && statusOfOperation(operation) !== undefined) return false
  return !isChanged && desired !== undefined && desired.type !== 'meta-pin' && isAllocatedTo(desired, self)
}

/** The state of a CID on this peer: the operation's if there is one, else what pinset and IPFS say together. */
export function toPinInfo(facts: Facts): PinInfo {
  const { operation, desired, cid } = facts
  const status = operation === undefined ? undefined : statusOfOperation(operation)
  if (operation === undefined || status === undefined) return settledInfo(facts)
  return {
    cid,
    status,
    timestampMs: operation.sinceMs,
    error: errorOf(operation, facts.ipfsFailure),
    attemptCount: operation.attempts,
    isPriority: operation.isPriority,
    pin: desired,
  }
}

function settledInfo(facts: Facts): PinInfo {
  const { cid, desired, actual, nowMs } = facts
  const base = { cid, error: '', attemptCount: 0, isPriority: false, pin: desired }
  if (desired === undefined) return { ...base, status: 'unpinned', timestampMs: nowMs }
  if (desired.type === 'meta-pin') return { ...base, status: 'sharded', timestampMs: desired.timestampMs }
  if (!isAllocatedTo(desired, facts.self)) return { ...base, status: 'remote', timestampMs: nowMs }
  if (facts.isChanged) return { ...base, status: 'pin_queued', timestampMs: desired.timestampMs }
  if (typeof actual === 'object') {
    return { ...base, status: 'cluster_error', error: actual.failure, timestampMs: nowMs }
  }
  if (covers(actual, modeOf(desired))) return { ...base, status: 'pinned', timestampMs: desired.timestampMs }
  return {
    ...base,
    status: 'unexpectedly_unpinned',
    error: 'the item should be pinned but it is not',
    timestampMs: desired.timestampMs,
  }
}

function errorOf(operation: Operation, ipfsFailure: string | undefined): string {
  if (operation.phase === 'queued' && ipfsFailure !== undefined)
    return `waits for the IPFS node: ${ipfsFailure}`
  if (operation.phase !== 'failed') return ''
  const when =
    operation.nextAttemptMs === undefined
      ? 'tried again as soon as the IPFS node answers'
      : `tried again at ${new Date(operation.nextAttemptMs).toISOString()}`
  return `${operation.error} (${when})`
}
