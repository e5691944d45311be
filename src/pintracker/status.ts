import type { Code } from '../errors.ts'
import { type Cid, cidFromKey } from '../model/cid.ts'
import type { PeerId } from '../model/peer.ts'
import { isAllocatedTo, modeOf, type Pin, type PinMode } from '../model/pin.ts'
import type { PinInfo, PinStatus, StatusChange } from '../model/pin-status.ts'
import type { LastFailure } from '../model/pin-why.ts'
import type { Wait } from './cid-table.ts'
import { type Operation, statusOfOperation } from './operation.ts'
import { covers } from './reconcile.ts'

/** How IPFS holds a CID: its mode, undefined for not at all, or why that could not be found out. */
export type Actual = PinMode | undefined | Unasked

/** Why IPFS cannot be asked. */
export interface Unasked {
  readonly failure: string
  readonly reason: Code
}

/** All that the state of a CID on this peer depends on. */
export interface Facts {
  readonly cid: Cid
  readonly desired: Pin | undefined
  readonly operation: Operation | undefined
  /** What a CID without an operation waits for; `changed` also when one with an operation is to be looked at again. */
  readonly wait: Wait | undefined
  /** Of no meaning where an operation or the entry tells the state. */
  readonly actual: Actual
  /** Why nothing is sent to IPFS at present. */
  readonly ipfsFailure: string | undefined
  readonly self: PeerId
  readonly nowMs: number
}

/** Whether the state of the CID depends on what IPFS says. */
export function dependsOnActual(facts: Omit<Facts, 'actual'>): boolean {
  const { desired, operation, self, wait } = facts
  if (operation !== undefined && statusOfOperation(operation) !== undefined) return false
  return (
    wait === undefined && desired !== undefined && desired.type !== 'meta-pin' && isAllocatedTo(desired, self)
  )
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
    ...failureOf(operation, facts.ipfsFailure),
    ...(operation.phase === 'running' && operation.blocksCount > 0
      ? { blocksCount: operation.blocksCount }
      : {}),
    pin: desired,
  }
}

/** How the last attempt failed, whatever is being done since; undefined when none did, or nothing is done any more. */
export function lastFailureOf(operation: Operation | undefined): LastFailure | undefined {
  if (operation?.reason === undefined || statusOfOperation(operation) === undefined) return undefined
  return { error: operation.error, reason: operation.reason, atMs: operation.failedMs }
}

/** The news of how far an operation is. */
export function operationChange(
  operation: Operation,
  facts: Pick<Facts, 'ipfsFailure' | 'self' | 'nowMs'>,
): StatusChange {
  const unknown = { desired: undefined, actual: undefined, wait: undefined }
  return toPinInfo({ ...facts, ...unknown, cid: cidFromKey(operation.name), operation })
}

/** The news that nothing is being done about a CID any more. */
export function settledChange(cid: Cid, status: PinStatus, nowMs: number): StatusChange {
  return { cid, status, timestampMs: nowMs, error: '', attemptCount: 0, isPriority: false }
}

function settledInfo(facts: Facts): PinInfo {
  const { cid, desired, actual, nowMs } = facts
  const base = { cid, error: '', attemptCount: 0, isPriority: false, pin: desired }
  if (desired === undefined) return { ...base, status: 'unpinned', timestampMs: nowMs }
  if (desired.type === 'meta-pin') return { ...base, status: 'sharded', timestampMs: desired.timestampMs }
  if (!isAllocatedTo(desired, facts.self)) {
    const isHeld = typeof actual === 'string' && covers(actual, modeOf(desired))
    return { ...base, status: 'remote', timestampMs: nowMs, ...(isHeld ? { isHeld } : {}) }
  }
  if (facts.wait !== undefined) return waitingInfo({ ...base, timestampMs: desired.timestampMs }, facts)
  if (typeof actual === 'object') {
    return {
      ...base,
      status: 'cluster_error',
      error: actual.failure,
      reason: actual.reason,
      timestampMs: nowMs,
    }
  }
  if (covers(actual, modeOf(desired))) return { ...base, status: 'pinned', timestampMs: desired.timestampMs }
  return {
    ...base,
    status: 'unexpectedly_unpinned',
    error: 'the item should be pinned but it is not',
    timestampMs: desired.timestampMs,
  }
}

/** Of what waits it is only known what for. */
function waitingInfo(
  base: Omit<PinInfo, 'status'>,
  { wait, ipfsFailure }: Pick<Facts, 'wait' | 'ipfsFailure'>,
): PinInfo {
  if (wait === 'failed') {
    const error =
      'it failed, as so much else did that how is forgotten (tried again in its turn, or when it is recovered)'
    return { ...base, status: 'pin_error', error, attemptCount: 1 }
  }
  const isPriority = wait === 'fresh'
  if (wait === 'changed' || wait === 'aside' || ipfsFailure === undefined)
    return { ...base, status: 'pin_queued', isPriority }
  return { ...base, status: 'pin_queued', isPriority, ...waitsForIpfs(ipfsFailure) }
}

const waitsForIpfs = (failure: string) =>
  ({ error: `waits for the IPFS node: ${failure}`, reason: 'IPFS_UNAVAILABLE' }) as const

/** Why an operation does not come on, and when it is tried again. */
function failureOf(
  { phase, reason, nextAttemptMs, isGivenUp }: Operation,
  ipfsFailure: string | undefined,
): Pick<PinInfo, 'reason' | 'nextAttemptMs' | 'isGivenUp'> {
  if (phase === 'queued' && ipfsFailure !== undefined) return { reason: 'IPFS_UNAVAILABLE' }
  if (phase !== 'failed') return {}
  return {
    ...(reason === undefined ? {} : { reason }),
    ...(nextAttemptMs === undefined ? {} : { nextAttemptMs }),
    ...(isGivenUp ? { isGivenUp } : {}),
  }
}

function errorOf(operation: Operation, ipfsFailure: string | undefined): string {
  if (operation.phase === 'queued' && ipfsFailure !== undefined) return waitsForIpfs(ipfsFailure).error
  if (operation.phase !== 'failed') return ''
  if (operation.isGivenUp)
    return `${operation.error} (given up after ${operation.attempts} attempts: recover it to have it tried again)`
  const when =
    operation.nextAttemptMs === undefined
      ? 'tried again as soon as the IPFS node answers'
      : `tried again at ${new Date(operation.nextAttemptMs).toISOString()}`
  return `${operation.error} (${when})`
}
