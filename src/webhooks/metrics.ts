import type { MetricTable } from '../lib/instruments.ts'

/** What the webhooks tell of themselves. */
export const WEBHOOK_METRICS = {
  sent: {
    name: 'ipfscluster_webhooks_sent_total',
    kind: 'counter',
    help: 'Events that webhooks have taken, by address of the webhook',
  },
  failures: {
    name: 'ipfscluster_webhooks_failures_total',
    kind: 'counter',
    help: 'Attempts to send that failed, by address of the webhook',
  },
  dropped: {
    name: 'ipfscluster_webhooks_dropped_total',
    kind: 'counter',
    help: 'Events that a webhook did not take after all attempts, and resets, for which an unknown number was missed',
  },
} as const satisfies MetricTable
