import type { MetricTable } from '../lib/instruments.ts'

/** Metrics of the HTTP APIs. Labels: `route` (name in the table, or `none`), `status`. */
export const apiMetrics = {
  requests: {
    name: 'ipfscluster_api_requests_total',
    kind: 'counter',
    help: 'HTTP requests answered, by route and status',
  },
  duration: {
    name: 'ipfscluster_api_request_duration_seconds',
    kind: 'histogram',
    help: 'Time from the head of a request to the end of its answer, by route',
    unit: 's',
  },
} as const satisfies MetricTable
