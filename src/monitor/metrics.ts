import type { MetricTable } from '../lib/instruments.ts'

/** What the monitor tells of itself. */
export const MONITOR_METRICS = {
  peers: {
    name: 'ipfscluster_monitor_peers',
    kind: 'gauge',
    help: 'Peers that are alive or suspect, self included',
  },
  sent: { name: 'ipfscluster_monitor_heartbeats_sent_total', kind: 'counter', help: 'Heartbeats published' },
  received: {
    name: 'ipfscluster_monitor_heartbeats_received_total',
    kind: 'counter',
    help: 'Heartbeats of others that were accepted',
  },
  refused: {
    name: 'ipfscluster_monitor_heartbeats_refused_total',
    kind: 'counter',
    help: 'Heartbeats of others that were refused, by reason',
  },
  failedReads: {
    name: 'ipfscluster_monitor_informer_failures_total',
    kind: 'counter',
    help: 'Measurements that failed, by informer',
  },
  alerts: { name: 'ipfscluster_monitor_alerts_total', kind: 'counter', help: 'Alerts raised' },
  pausedSeconds: {
    name: 'ipfscluster_monitor_own_pauses_seconds_total',
    kind: 'counter',
    help: 'Time in which this process stood still; others are not blamed for it',
    unit: 's',
  },
  conditions: {
    name: 'ipfscluster_monitor_peer_conditions',
    kind: 'gauge',
    help: 'Other peers, by condition: alive, suspect, unreachable, gone',
  },
  phi: {
    name: 'ipfscluster_monitor_peer_phi',
    kind: 'gauge',
    help: 'Suspicion of other peers, by peer; the 100 most suspect ones',
  },
  turns: {
    name: 'ipfscluster_monitor_condition_changes_total',
    kind: 'counter',
    help: 'Changes of the condition of other peers, by new condition',
  },
  patience: {
    name: 'ipfscluster_monitor_patience',
    kind: 'gauge',
    help: 'By what limits for others are multiplied because this peer itself is late, was paused or is missed; 1 when all is well',
  },
  disk: { name: 'ipfscluster_informer_disk', kind: 'gauge', help: 'Last weight of the disk metric' },
} as const satisfies MetricTable
