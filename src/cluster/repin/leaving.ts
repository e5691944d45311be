import type { PeerId } from '../../model/peer.ts'
import type { PeerHealth } from '../../model/peer-health.ts'
import { MAINTENANCE_SKEW_MS, type PeerMark } from '../../model/peer-mark.ts'

/** Why content moves away from a peer. */
export const LEAVING_REASONS = ['gone', 'draining', 'removed'] as const
export type LeavingReason = (typeof LEAVING_REASONS)[number]

/** What deciding goes by. Times are those of the monotonic clock, but `wallMs`. */
export interface LeavingFacts {
  readonly self: PeerId
  readonly health: readonly PeerHealth[]
  readonly markOf: (peer: PeerId) => PeerMark
  readonly marks: readonly PeerMark[]
  /** Peers that count when it is decided whether this is a partition: those that are trusted or keep content. */
  readonly isMember: (peer: PeerId) => boolean
  /** Since when each peer is gone that is. */
  readonly goneSinceMs: ReadonlyMap<PeerId, number>
  /** When the last partition was over; undefined = there was none. */
  readonly guardEndedMs: number | undefined
  readonly nowMs: number
  readonly wallMs: number
}

/** How patient and how careful to be. */
export interface LeavingRule {
  /** Whether content moves away from peers because they are gone; what operators say counts always. */
  readonly isAutomatic: boolean
  readonly delayMs: number
  /** A peer that was never heard is left only so long after it was found gone, however short the delay: it may still come. */
  readonly unheardMs: number
  /** After a partition peers come back one by one: nobody is left sooner than this after its end, nor before the delay. */
  readonly guardRestMs: number
  /** With more than this part of the other members away, it is a partition. */
  readonly guardShare: number
}

/** Who leaves, and what holds things up. */
export interface Leaving {
  readonly reasons: ReadonlyMap<PeerId, LeavingReason>
  /** So many of the other members are away that nothing is moved for it; undefined = no partition. */
  readonly guard: { readonly awayCount: number; readonly othersCount: number } | undefined
  /** Peers that are gone and whose content stays where it is: for the delay, in maintenance, by the guard or the settings. */
  readonly heldCount: number
  /** When, by the monotonic clock, the answer may become another without anything happening. */
  readonly changesAtMs: number | undefined
}

/**
 * From whom content is to move away: peers that operators drain or have removed, at once, and peers that are gone for longer
 * than the delay and not in maintenance, unless so many are away that the network is to blame. Of `n` members a peer moves
 * something by itself only together with a majority: with the share at a half, `away / (n - 1) > 1 / 2` says that half of
 * all, or more, are away. So of two halves of a cluster neither acts, nor does the one of two that is left.
 */
export function findLeaving(facts: LeavingFacts, rule: LeavingRule): Leaving {
  const { self, health, markOf, marks, goneSinceMs, nowMs, wallMs } = facts
  const reasons = new Map<PeerId, LeavingReason>()
  for (const mark of marks) {
    if (mark.isRemoved) reasons.set(mark.peer, 'removed')
    else if (mark.isDraining) reasons.set(mark.peer, 'draining')
  }
  const guard = findPartition(facts, rule)
  let heldCount = 0
  let changesAtMs: number | undefined
  const lookAgainAt = (ms: number) => {
    changesAtMs = Math.min(changesAtMs ?? ms, ms)
  }
  const unheardMs = Math.max(rule.delayMs, rule.unheardMs)
  const guardedMs =
    (facts.guardEndedMs ?? Number.NEGATIVE_INFINITY) + Math.max(rule.delayMs, rule.guardRestMs)
  for (const { peer, condition, heardAtMs } of health) {
    if (condition !== 'gone' || peer === self || reasons.has(peer)) continue
    const delayMs = heardAtMs === undefined ? unheardMs : rule.delayMs
    const dueMs = (goneSinceMs.get(peer) ?? nowMs) + delayMs
    const { maintenanceUntilMs } = markOf(peer)
    const maintainedMs =
      maintenanceUntilMs === undefined ? 0 : maintenanceUntilMs + MAINTENANCE_SKEW_MS - wallMs
    const waitMs = Math.max(dueMs - nowMs, guardedMs - nowMs, maintainedMs)
    if (waitMs > 0) lookAgainAt(nowMs + waitMs)
    if (waitMs > 0 || guard !== undefined || !rule.isAutomatic) heldCount++
    else reasons.set(peer, 'gone')
  }
  return { reasons, guard, heldCount, changesAtMs }
}

function findPartition(
  { self, health, markOf, isMember }: LeavingFacts,
  { guardShare }: LeavingRule,
): Leaving['guard'] {
  const away = new Map<PeerId, boolean>()
  for (const { peer, condition } of health) {
    if (isMember(peer)) away.set(peer, condition === 'unreachable' || condition === 'gone')
  }
  for (const peer of away.keys()) if (peer === self || markOf(peer).isRemoved) away.delete(peer)
  const othersCount = away.size
  const awayCount = [...away.values()].filter(isAway => isAway).length
  return awayCount > othersCount * guardShare ? { awayCount, othersCount } : undefined
}
