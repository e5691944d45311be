import type { MetricTable } from '../lib/instruments.ts'

/** What the tracker tells of itself. */
export const TRACKER_METRICS = {
  pinQueued: { name: 'ipfscluster_pins_pin_queued', kind: 'gauge', help: 'Pins that wait for a worker' },
  pinning: { name: 'ipfscluster_pins_pinning', kind: 'gauge', help: 'Pins that IPFS is fetching' },
  pinError: { name: 'ipfscluster_pins_pin_error', kind: 'gauge', help: 'Pins whose last attempt failed' },
  unpinQueued: {
    name: 'ipfscluster_tracker_unpin_queued',
    kind: 'gauge',
    help: 'Unpins that wait for their turn',
  },
  unpinError: {
    name: 'ipfscluster_tracker_unpin_error',
    kind: 'gauge',
    help: 'Unpins whose last attempt failed',
  },
  changedNames: {
    name: 'ipfscluster_tracker_changed_names',
    kind: 'gauge',
    help: 'Changed entries that the tracker has not looked at yet',
  },
  queueAge: {
    name: 'ipfscluster_tracker_queue_age_seconds',
    kind: 'gauge',
    help: 'How long the pin that is next has waited',
    unit: 's',
  },
  operations: {
    name: 'ipfscluster_tracker_operation_seconds',
    kind: 'histogram',
    help: 'Duration of pin and unpin calls, by operation and outcome (done, failed, cancelled)',
    unit: 's',
  },
  ipfsAnswers: {
    name: 'ipfscluster_tracker_ipfs_answers',
    kind: 'gauge',
    help: '1 while the IPFS node answers, 0 while the tracker waits for it',
  },
  sweeps: {
    name: 'ipfscluster_tracker_sweeps_total',
    kind: 'counter',
    help: 'Comparisons of pinset and IPFS, by outcome (done, failed)',
  },
  handOver: {
    name: 'ipfscluster_tracker_handing_over',
    kind: 'gauge',
    help: 'Pins held here and allocated to others, which are kept until those hold them; of more than 10,000 it is only known that there are more',
  },
  knownPins: {
    name: 'ipfscluster_tracker_known_pins',
    kind: 'gauge',
    help: 'Pins that IPFS is known to hold',
  },
} as const satisfies MetricTable
