import type { MetricTable } from '../lib/instruments.ts'

/** What the alerts tell of themselves. */
export const ALERT_METRICS = {
  active: { name: 'ipfscluster_alerts_active', kind: 'gauge', help: 'Alerts that hold at present, by kind' },
  raised: { name: 'ipfscluster_alerts_raised_total', kind: 'counter', help: 'Alerts raised, by kind' },
  dropped: {
    name: 'ipfscluster_alerts_dropped_total',
    kind: 'counter',
    help: 'Alerts that were not raised, since too many hold already',
  },
} as const satisfies MetricTable
