import type { PinTracker } from '../interfaces.ts'
import type { Clock } from '../lib/clock.ts'
import type { Instruments, MetricTable } from '../lib/instruments.ts'
import type { Backlog } from './backlog.ts'
import type { Intake } from './intake.ts'
import type { IpfsGate } from './ipfs-gate.ts'
import type { PinnedView } from './pinned-view.ts'
import type { WorkSet } from './work-set.ts'

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
    help: 'How long the pin that is next has waited in memory',
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

/** What the gauges read. */
export interface TrackerGauges {
  readonly work: WorkSet
  readonly backlog: Pick<Backlog, 'queuedCount' | 'count'>
  readonly intake: Pick<Intake, 'size'>
  readonly view: Pick<PinnedView, 'pinsCount'>
  readonly gate: Pick<IpfsGate, 'isOpen'>
  readonly tracker: Pick<PinTracker, 'handOverCount'>
  readonly clock: Clock
}

/** Lets the gauges of the tracker show its state as it is when they are read. */
export function observeTracker(
  instruments: Instruments<typeof TRACKER_METRICS>,
  { work, backlog, intake, view, gate, tracker, clock }: TrackerGauges,
): void {
  instruments.pinQueued.observe(() => work.count('pin_queued') + backlog.queuedCount)
  instruments.pinning.observe(() => work.count('pinning'))
  instruments.pinError.observe(() => work.count('pin_error') + backlog.count('failed'))
  instruments.unpinQueued.observe(() => work.count('unpin_queued'))
  instruments.unpinError.observe(() => work.count('unpin_error'))
  instruments.changedNames.observe(() => intake.size)
  instruments.queueAge.observe(() => (clock.now() - (work.oldestQueuedMs ?? clock.now())) / 1000)
  instruments.ipfsAnswers.observe(() => (gate.isOpen ? 1 : 0))
  instruments.knownPins.observe(() => view.pinsCount)
  instruments.handOver.observe(() => tracker.handOverCount)
}
