import type { MetricTable } from '../lib/instruments.ts'

/** What the monitor tells of itself. */
export const MONITOR_METRICS = {
  peers: {
    name: 'ipfscluster_monitor_peers',
    kind: 'gauge',
    help: 'Peers whose heartbeat is fresh, self included',
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
  disk: { name: 'ipfscluster_informer_disk', kind: 'gauge', help: 'Last weight of the disk metric' },
} as const satisfies MetricTable
