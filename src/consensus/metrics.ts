import type { MetricTable } from '../lib/instruments.ts'

/** Metrics of the pinset. `ipfscluster_pins` is the reference's; the others are our own. */
export const METRICS = {
  pins: { name: 'ipfscluster_pins', kind: 'gauge', help: 'Pins in the pinset' },
  documentsHeapBytes: {
    name: 'ipfscluster_pinset_documents_heap_bytes',
    kind: 'gauge',
    help: 'Memory of the pieces of the pinset that are loaded, about',
    unit: 'By',
  },
  queued: {
    name: 'ipfscluster_pinset_writes_queued',
    kind: 'gauge',
    help: 'Pins and removals that wait for the disk',
  },
  readOnly: {
    name: 'ipfscluster_pinset_read_only',
    kind: 'gauge',
    help: '1 while the disk takes no writes, else 0',
  },
  commitSeconds: {
    name: 'ipfscluster_pinset_commit_seconds',
    kind: 'histogram',
    help: 'Time that one write to disk takes',
    unit: 's',
  },
  folds: {
    name: 'ipfscluster_pinset_folds',
    kind: 'counter',
    help: 'Logs of a partition folded into a snapshot',
  },
  refused: {
    name: 'ipfscluster_pinset_changes_refused',
    kind: 'counter',
    help: 'Changes by others that were not valid',
  },
  receivedDropped: {
    name: 'ipfscluster_pinset_changes_dropped',
    kind: 'counter',
    help: 'Changes by others that came faster than they could be taken; repaired by comparing',
  },
  gossipRefused: {
    name: 'ipfscluster_pinset_messages_refused',
    kind: 'counter',
    help: 'Messages of untrusted writers, with wrong signatures or with damaged content',
  },
  pulls: {
    name: 'ipfscluster_pinset_pulls',
    kind: 'counter',
    help: 'Comparisons with another peer that found a difference',
  },
  behind: {
    name: 'ipfscluster_pinset_partitions_behind',
    kind: 'gauge',
    help: 'Pieces of the pinset of which another peer is known to have more',
  },
  pulledBytes: {
    name: 'ipfscluster_pinset_pulled_bytes',
    kind: 'counter',
    help: 'Bytes of partitions fetched from other peers',
    unit: 'By',
  },
} as const satisfies MetricTable
