import type { MetricTable } from '../../lib/instruments.ts'

/** What is told of copies. */
export const COPY_METRICS = {
  copies: {
    name: 'pinfold_pins_by_live_copies',
    kind: 'gauge',
    help: 'Pins by their copies that are allocated to live peers: none, under (fewer than the minimum), partial, full. Counted from time to time.',
  },
} as const satisfies MetricTable
