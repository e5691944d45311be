import type { Meter } from '@opentelemetry/api'
import type { Logger } from '../../interfaces.ts'
import type { Clock } from '../../lib/clock.ts'
import { makeInstruments } from '../../lib/instruments.ts'
import { repeat } from '../../lib/repeat.ts'
import {
  COPY_STATES,
  type ReplicationQuestion,
  type ReplicationReport,
} from '../../model/replication-report.ts'
import { COPY_METRICS } from './metrics.ts'
import { type CopiesComponents, countAllocated } from './replication-report.ts'

const COUNTS_ONLY: ReplicationQuestion = {
  isChecked: false,
  states: new Set(),
  limit: 0,
  after: undefined,
}

/** A pass over a large pinset is work: it takes up to a fiftieth of the time. */
const REST_PER_PASS = 50

/**
 * Keeps the counts of pins by their live copies for whoever scrapes them: a pass over the pinset at an interval, and none
 * while neither the pinset nor any peer has changed.
 */
export function openCopyGauges(
  components: CopiesComponents & { readonly clock: Clock; readonly logger: Logger; readonly meter: Meter },
  everyMs: number,
): AsyncDisposable {
  const { clock, consensus, logger, meter, marks, monitor } = components
  let report: ReplicationReport | undefined
  let countedFor = ''
  makeInstruments(meter, COPY_METRICS).copies.observeEach(() => {
    const { counts } = report ?? {}
    return counts === undefined ? [] : COPY_STATES.map(state => [{ state }, counts[state]] as const)
  })
  const onError = (error: unknown) => logger.warn('the copies of pins could not be counted', { error })
  return repeat({ clock, everyMs, onError, isEager: true, restPerRound: REST_PER_PASS }, async signal => {
    const conditions = monitor.health().map(({ peer, condition }) => [peer, condition])
    const now = JSON.stringify([consensus.rootDigest, conditions, marks.all()])
    if (now === countedFor) return
    report = await countAllocated(components, COUNTS_ONLY, { signal })
    countedFor = now
  })
}
