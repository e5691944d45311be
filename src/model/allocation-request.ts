import type { Cid } from './cid.ts'
import type { Metric } from './metric.ts'
import type { PeerId } from './peer.ts'

/** What the allocator must decide, with all it may know. */
export interface AllocationRequest {
  readonly cid: Cid
  readonly replicationMin: number
  readonly replicationMax: number
  /** Where the content is allocated now. */
  readonly current: readonly PeerId[]
  /** Peers to prefer, best first. */
  readonly preferred: readonly PeerId[]
  /** Peers that must not be chosen. */
  readonly excluded: ReadonlySet<PeerId>
  /** Metric names to order by, most important first. A peer counts only if it has all of them. */
  readonly allocateBy: readonly string[]
  /** Valid metrics by name. */
  readonly metrics: ReadonlyMap<string, readonly Metric[]>
}
