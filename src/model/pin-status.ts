import { ClusterError, type Code } from '../errors.ts'
import type { Cid } from './cid.ts'
import type { PeerId } from './peer.ts'
import type { Pin } from './pin.ts'

/** What can be said of one CID on one peer. */
export const PIN_STATUSES = [
  'cluster_error',
  'pin_error',
  'unpin_error',
  'pinned',
  'pinning',
  'unpinning',
  'unpinned',
  'remote',
  'pin_queued',
  'unpin_queued',
  'sharded',
  'unexpectedly_unpinned',
] as const
export type PinStatus = (typeof PIN_STATUSES)[number]

/** Which statuses a listing shows; undefined = all of them. */
export type PinStatusFilter = ReadonlySet<PinStatus> | undefined

const ALIASES: ReadonlyMap<string, readonly PinStatus[]> = new Map([
  ['error', ['cluster_error', 'pin_error', 'unpin_error']],
  ['queued', ['pin_queued', 'unpin_queued']],
])

/**
 * A comma list of statuses and the aliases `error` and `queued`. Unknown names are passed over;
 * a text that leaves nothing throws `INVALID_ARGUMENT`. Empty = all.
 */
export function parseStatusFilter(text: string): PinStatusFilter {
  const names = text
    .replaceAll(' ', '')
    .split(',')
    .filter(name => name !== '')
  if (names.length === 0) return undefined
  const known = new Set<string>(PIN_STATUSES)
  const chosen = new Set<PinStatus>()
  for (const name of names) {
    for (const status of ALIASES.get(name) ?? []) chosen.add(status)
    if (known.has(name)) chosen.add(name as PinStatus)
  }
  if (chosen.size === 0) {
    throw new ClusterError(
      'INVALID_ARGUMENT',
      `invalid filter value: "${text}" has none of ${PIN_STATUSES.join(', ')}, error, queued`,
    )
  }
  return chosen
}

/** The state of one CID on one peer. `error` is '' when there is none. */
export interface PinInfo {
  readonly cid: Cid
  readonly status: PinStatus
  /** Unix milliseconds of the last change of the status. */
  readonly timestampMs: number
  readonly error: string
  readonly attemptCount: number
  readonly isPriority: boolean
  /** Why the last attempt failed, or why nothing can be said; absent when neither is so. */
  readonly reason?: Code
  /** Blocks that are there already, of a pin under way whose IPFS node tells them. */
  readonly blocksCount?: number
  /** Unix milliseconds of the next attempt, when one is planned for a time. */
  readonly nextAttemptMs?: number
  /** It was tried as often as it may be, and stays as it is until it is recovered or its entry is written anew. */
  readonly isGivenUp?: true
  /** In listings, of what is allocated to others only: this peer has it, and keeps it until enough of them do. */
  readonly isHeld?: true
  /** The entry of the pinset; undefined when the CID is not in it. */
  readonly pin: Pin | undefined
}

/** The state of a CID as it has just become. */
export type StatusChange = Omit<PinInfo, 'pin'>

/** A `PinInfo` with the peer that it is about. */
export interface PeerPinInfo extends Omit<PinInfo, 'cid' | 'pin'> {
  readonly peername: string
  readonly ipfsPeerId: PeerId | undefined
  readonly ipfsPeerAddresses: readonly string[]
}

/** The state of one CID on every peer. */
export interface GlobalPinInfo {
  readonly cid: Cid
  readonly pin: Pin | undefined
  /** Unix milliseconds: the pin's time; for a CID not in the pinset the time of the question, 0 when asked locally. */
  readonly createdMs: number
  readonly peers: ReadonlyMap<PeerId, PeerPinInfo>
}
