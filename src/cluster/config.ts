import { hostname } from 'node:os'
import { type Static, Type } from 'typebox'
import { parseDuration } from '../lib/duration.ts'
import { durationSetting } from '../lib/schema.ts'
import type { Placement } from '../model/placement.ts'

/** The keys of section `cluster` that belong to the core. */
export const clusterSchema = Type.Object({
  peername: Type.String({
    default: hostname(),
    maxLength: 256,
    description: 'Name of this peer for people; it need not be unique. Default: the name of the host.',
  }),
  leave_on_shutdown: Type.Boolean({
    default: false,
    description:
      'Accepted for the sake of existing files; a stopped peer leaves by its heartbeat, and keeps its copy of the pinset.',
  }),
  state_sync_interval: durationSetting(
    '5m0s',
    'How often the whole pinset is looked through for pins that expire; changes are seen at once, and pins go when they expire.',
  ),
  replication_factor_min: Type.Integer({
    default: -1,
    minimum: -1,
    description: 'Fewest peers that keep a pin which does not say; -1 = every peer, 0 = the default.',
  }),
  replication_factor_max: Type.Integer({
    default: -1,
    minimum: -1,
    description: 'Most peers that keep a pin which does not say; -1 = every peer, 0 = the default.',
  }),
  peer_watch_interval: durationSetting(
    '5s',
    'Accepted for the sake of existing files; without effect, since the set of peers follows the heartbeats.',
  ),
  pin_only_on_trusted_peers: Type.Boolean({
    default: false,
    description: 'Allocate pins to trusted peers only.',
  }),
  pin_only_on_untrusted_peers: Type.Boolean({
    default: false,
    description: 'Allocate pins to peers that are not trusted only.',
  }),
  disable_repinning: Type.Boolean({
    default: false,
    description:
      'Do not move content by itself when a peer that keeps it is gone. Peers that are drained or removed are left all the same. IPFS Cluster: true.',
  }),
  repin_delay: durationSetting(
    '5m0s',
    'How long a peer has to be gone before its content moves to others; 0s = at once. Longer than a restart takes.',
  ),
  repin_rate: Type.Integer({
    default: 200,
    minimum: 1,
    maximum: 100_000,
    description: 'How many pins a second this peer allocates anew at most when others leave.',
  }),
  repin_in_flight: Type.Integer({
    default: 200,
    minimum: 1,
    maximum: 100_000,
    description:
      'How many pins this peer moves to another at a time: further ones wait until those have arrived.',
  }),
  repin_guard: Type.Number({
    default: 0.5,
    minimum: 0,
    maximum: 1,
    description:
      'With more than this part of the other peers away it is taken for a partition of the network, and nothing moves by itself. 1 = move whatever happens.',
  }),
  follower_mode: Type.Boolean({
    default: false,
    description: 'Keep what the cluster agrees on, but take no pins, unpins and content from clients.',
  }),
  peerstore_file: Type.String({
    default: 'peerstore',
    minLength: 1,
    description: 'File that remembers addresses of peers; a relative one lies in the configuration folder.',
  }),
})

/** The section as it stands in the file. */
export type ClusterSection = Static<typeof clusterSchema>

/** Fewest and most copies; -1 = on every peer. */
export interface Replication {
  readonly min: number
  readonly max: number
}

/** How content moves away from peers that leave. */
export interface RepinConfig {
  /** Whether it moves by itself when peers are gone. */
  readonly isAutomatic: boolean
  readonly delayMs: number
  /** Pins that this peer may move in a second. */
  readonly perSecond: number
  /** Pins that this peer may have on the way to another. */
  readonly inFlightMax: number
  readonly guardShare: number
}

/** What the core may do, and how often it looks. */
export interface ClusterConfig {
  readonly peername: string
  readonly stateSyncIntervalMs: number
  readonly replication: Replication
  /** Which peers may be chosen for a pin. */
  readonly allocateTo: 'any' | 'trusted' | 'untrusted'
  readonly isFollower: boolean
  /** Names of the metrics to allocate by, most important first (`allocator.balanced.allocate_by`). */
  readonly allocateBy: readonly string[]
  /** Where copies of a pin may be that does not say (`allocator.balanced.require`, `exclude`, `distinct`). */
  readonly placement: Placement
  readonly repin: RepinConfig
  /** Wait between news of a peer's IPFS node and connecting to it; 0 = never connect (`connect_swarms_delay`). */
  readonly connectSwarmsDelayMs: number
}

/** The section in the component's own terms, with the two settings that stand in other sections. */
export function toClusterConfig(
  section: ClusterSection,
  others: Pick<ClusterConfig, 'allocateBy' | 'placement' | 'connectSwarmsDelayMs'>,
): ClusterConfig {
  return {
    ...others,
    peername: section.peername,
    stateSyncIntervalMs: parseDuration(section.state_sync_interval),
    replication: {
      min: section.replication_factor_min === 0 ? -1 : section.replication_factor_min,
      max: section.replication_factor_max === 0 ? -1 : section.replication_factor_max,
    },
    allocateTo: allocateTo(section),
    isFollower: section.follower_mode,
    repin: {
      isAutomatic: !section.disable_repinning,
      delayMs: parseDuration(section.repin_delay),
      perSecond: section.repin_rate,
      inFlightMax: section.repin_in_flight,
      guardShare: section.repin_guard,
    },
  }
}

function allocateTo(section: ClusterSection): ClusterConfig['allocateTo'] {
  if (section.pin_only_on_trusted_peers) return 'trusted'
  return section.pin_only_on_untrusted_peers ? 'untrusted' : 'any'
}
