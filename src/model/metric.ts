import type { PeerId } from './peer.ts'

/** Metric that tells how much of its disk a peer has taken: the weight is minus the share, 0 … 1. */
export const DISK_USED_METRIC = 'diskused'

/** One measured value of one peer, as an informer gives it. */
export interface Measure {
  readonly name: string
  readonly value: string
  /** What the allocator orders by; higher is better. */
  readonly weight: number
  /** Whether peers with equal values form a group (tags). */
  readonly isPartitionable: boolean
  readonly isValid: boolean
  readonly ttlMs: number
}

/** A measure as another peer has received it. */
export interface Metric extends Measure {
  readonly peer: PeerId
  /** Unix milliseconds by the receiver's clock. */
  readonly receivedAtMs: number
  readonly expireAtMs: number
}

/** A metric that ran out: its peer has gone quiet. */
export interface Alert extends Metric {
  readonly triggeredAtMs: number
}
