import type { MetricTable } from '../lib/instruments.ts'

/** What the events tell of themselves. */
export const EVENT_METRICS = {
  events: { name: 'ipfscluster_events_total', kind: 'counter', help: 'Events that were told, by kind' },
  readers: { name: 'ipfscluster_events_readers', kind: 'gauge', help: 'How many read the events at present' },
  losses: {
    name: 'ipfscluster_events_losses_total',
    kind: 'counter',
    help: 'Times that more changed at once than could be told, so that every reader had to list anew',
  },
} as const satisfies MetricTable
