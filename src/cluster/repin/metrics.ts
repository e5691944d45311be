import type { MetricTable } from '../../lib/instruments.ts'

/** What moving content away from peers that leave tells of itself. */
export const REPIN_METRICS = {
  moved: {
    name: 'pinfold_repin_moved_total',
    kind: 'counter',
    help: 'Pins that this peer allocated anew, by the reason why the old peer leaves (gone, draining, removed) or cannot keep them (no_room)',
  },
  inFlight: {
    name: 'pinfold_repin_in_flight',
    kind: 'gauge',
    help: 'Pins that this peer allocated anew and that their new peers do not hold yet',
  },
  waiting: {
    name: 'pinfold_repin_waiting',
    kind: 'gauge',
    help: 'Pins that are still allocated to a peer that leaves, in the whole cluster, as of the last look',
  },
  withoutLiveCopy: {
    name: 'pinfold_repin_without_live_copy',
    kind: 'gauge',
    help: 'Those of them of which no allocated peer lives',
  },
  stuck: {
    name: 'pinfold_repin_stuck',
    kind: 'gauge',
    help: 'Pins that stay as they are, since too few peers can take them',
  },
  noRoom: {
    name: 'pinfold_repin_no_room',
    kind: 'gauge',
    help: 'Pins that find no room where they are allocated and that no other peer can take, of those that fall to this peer',
  },
  leaving: {
    name: 'pinfold_repin_leaving_peers',
    kind: 'gauge',
    help: 'Peers from which content moves away, by reason',
  },
  guard: {
    name: 'pinfold_repin_partition_guard',
    kind: 'gauge',
    help: '1 while so many peers are gone that nothing is moved by itself',
  },
} as const satisfies MetricTable
