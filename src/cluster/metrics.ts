import type { MetricTable } from '../lib/instruments.ts'

/** What the core tells of itself. */
export const CLUSTER_METRICS = {
  pins: { name: 'ipfscluster_pins', kind: 'gauge', help: 'Total number of cluster pins' },
} as const satisfies MetricTable
