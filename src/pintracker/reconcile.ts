import type { PeerId } from '../model/peer.ts'
import { isAllocatedTo, modeOf, type Pin, type PinMode, type PinType } from '../model/pin.ts'

/** Entries without content of their own. */
const KEPT_BY_NOBODY: ReadonlySet<PinType> = new Set(['meta-pin', 'request', 'peer-mark'])

/** What has to be done on this peer's IPFS node about one CID. */
export type Step = 'pin' | 'unpin' | 'nothing'

/**
 * What closes the gap between the entry of the pinset (`desired`, undefined = there is none) and how IPFS holds the
 * content (`actual`, undefined = it does not). Pure, and idempotent: after the step the answer is 'nothing'.
 *
 * A recursive pin covers a direct one: letting go of the rest could be letting go of what somebody else pinned.
 * The root of a sharded DAG is not pinned itself; its cluster DAG and shards have entries of their own.
 * Only ask about CIDs that are or were in the pinset: what IPFS holds besides is not ours to judge.
 */
export function reconcile(desired: Pin | undefined, actual: PinMode | undefined, self: PeerId): Step {
  if (desired !== undefined && KEPT_BY_NOBODY.has(desired.type)) return 'nothing'
  if (desired === undefined || !isAllocatedTo(desired, self))
    return actual === undefined ? 'nothing' : 'unpin'
  return covers(actual, modeOf(desired)) ? 'nothing' : 'pin'
}

/** Whether content held as `actual` is all there for somebody who asked for `wanted`. */
export function covers(actual: PinMode | undefined, wanted: PinMode): boolean {
  return actual === wanted || actual === 'recursive'
}
