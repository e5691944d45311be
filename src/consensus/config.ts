import { type Static, Type } from 'typebox'
import { parseDuration } from '../lib/duration.ts'
import { durationSetting } from '../lib/schema.ts'
import type { PeerId } from '../model/peer.ts'

/** Section `consensus.crdt` of service.json. */
export const consensusSchema = Type.Object({
  cluster_name: Type.String({
    default: 'ipfs-cluster',
    maxLength: 128,
    description: 'Peers share a pinset when they have the same name (and secret).',
  }),
  trusted_peers: Type.Array(Type.String(), {
    default: ['*'],
    description: 'Peers whose writes are accepted: their ids, or "*" for every peer that has the secret.',
  }),
  batching: Type.Object(
    {
      max_batch_size: Type.Integer({
        default: 0,
        minimum: 0,
        description: 'Accepted for compatibility. Concurrent writes always share one synced write to disk.',
      }),
      max_batch_age: durationSetting('0s', 'Accepted for compatibility. No write waits for company.'),
      max_queue_size: Type.Integer({
        default: 50_000,
        minimum: 1,
        description: 'Writes that may wait for the disk; further ones wait before they are taken.',
      }),
    },
    { default: {}, description: 'How writes are grouped.' },
  ),
  repair_interval: durationSetting(
    '1h',
    'How often a peer compares its pinset with another one even if nothing hints at a difference.',
  ),
  partitions: Type.Integer({
    default: 4096,
    minimum: 1,
    maximum: 65_536,
    description: 'Pieces that the pinset is cut into; the same on every peer, fixed once there is data.',
  }),
  // A piece is needed while it is merged or sent, and is seldom needed again soon: more would be kept for nothing.
  memory_budget: Type.Integer({
    default: 16 * 1024 * 1024,
    minimum: 1024 * 1024,
    description: 'Bytes of memory for pieces of the pinset that are loaded for merging.',
  }),
  forget_peers_after: durationSetting(
    '720h',
    'A peer that was not heard of for so long does not keep the pinset from being tidied up any more.',
  ),
  clock_drift_max: durationSetting('5m', 'A writer whose clock is further ahead than this raises a warning.'),
})

/** The section as written. */
export type ConsensusSection = Static<typeof consensusSchema>

/** What the pinset needs to know. */
export interface ConsensusConfig {
  readonly clusterName: string
  /** Undefined = every peer is trusted. */
  readonly trustedPeers: ReadonlySet<PeerId> | undefined
  readonly queueLengthMax: number
  readonly repairIntervalMs: number
  readonly partitionsCount: number
  readonly memoryBudgetBytes: number
  readonly clockDriftMaxMs: number
  readonly forgetAfterMs: number
}

/** The section as the pinset takes it. */
export function toConsensusConfig(section: ConsensusSection): ConsensusConfig {
  return {
    clusterName: section.cluster_name,
    trustedPeers: section.trusted_peers.includes('*') ? undefined : new Set(section.trusted_peers),
    queueLengthMax: section.batching.max_queue_size,
    repairIntervalMs: parseDuration(section.repair_interval),
    partitionsCount: section.partitions,
    memoryBudgetBytes: section.memory_budget,
    clockDriftMaxMs: parseDuration(section.clock_drift_max),
    forgetAfterMs: parseDuration(section.forget_peers_after),
  }
}
