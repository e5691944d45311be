import { ClusterError } from '../errors.ts'
import type { Cid } from '../model/cid.ts'
import { isMarkName } from '../model/peer-mark.ts'
import { modeOf, type Pin } from '../model/pin.ts'
import { isRequestName } from '../model/pin-request.ts'

/** What a peer that only follows answers to every write. */
export function refuseAsFollower(isFollower: boolean): void {
  if (!isFollower) return
  throw new ClusterError(
    'READ_ONLY',
    'this peer is configured to be in follower mode. Write operations are disabled',
  )
}

/** Refuses what would have expired before it is pinned. */
export function checkExpiry(expireAtMs: number | undefined, nowMs: number): void {
  if (expireAtMs !== undefined && expireAtMs < nowMs) {
    throw new ClusterError('REFUSED', 'pin.ExpireAt set before current time')
  }
}

/** Refuses to change what an entry is: its type, or from recursive to direct. */
export function checkRepin(existing: Pin, wanted: Pin): void {
  if (existing.type !== wanted.type) {
    throw new ClusterError(
      'REFUSED',
      `cannot repin CID with different tracking method, clear state with pin rm to proceed. New: ${wanted.type}. Was: ${existing.type}`,
    )
  }
  if (modeOf(existing) === 'recursive' && modeOf(wanted) === 'direct') {
    throw new ClusterError(
      'REFUSED',
      'cannot repin a CID which is already pinned in recursive mode (new pin is pinned as direct). Unpin it first.',
    )
  }
}

/** Refuses to pin or unpin the name of a request or of a peer as if it were content. */
export function checkContent(cid: Cid): void {
  if (isMarkName(cid.bytes))
    throw new ClusterError(
      'REFUSED',
      'this CID names a peer or an IPNS key, not content: pin /ipns/<name> for what it leads to, and say what is to be done with a peer by "peers cordon", "drain", "maintenance" and "rm"',
    )
  if (!isRequestName(cid.bytes)) return
  throw new ClusterError(
    'REFUSED',
    'this is a request of the Pinning Service API, not content: use that API to change or remove it',
  )
}

/** The entry was asked for by name and is not there. */
export function notPinned(): ClusterError {
  return new ClusterError('NOT_FOUND', 'pin is not part of the pinset')
}
