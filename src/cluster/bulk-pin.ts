import type { Options } from '../interfaces.ts'
import type { BulkLines, BulkResult, WantedPin } from '../model/bulk.ts'
import type { Cid } from '../model/cid.ts'
import { isSameRequest, type Pin } from '../model/pin.ts'
import { type Change, changeMany } from './change-many.ts'
import { peerChooser } from './choose-peers.ts'
import type { ClusterConfig } from './config.ts'
import { type PinComponents, type Placing, toPlaced, toUpdated } from './pin.ts'
import { refuseAsFollower } from './pin-rules.ts'

/**
 * Adds many pins, as `pinCid` adds one: a chunk is one write, and has its peers chosen by the same metrics.
 */
export async function* pinMany(
  components: Omit<PinComponents, 'ipfs' | 'tracer'>,
  config: ClusterConfig,
  chunks: BulkLines<WantedPin>,
  options: Options,
): AsyncIterable<readonly BulkResult[]> {
  refuseAsFollower(config.isFollower)
  const { clock, consensus } = components
  const open = () => {
    const { replication } = config
    const placing = { replication, nowMs: clock.now(), choose: peerChooser(components, config) }
    return {
      cidsOf: (wanted: WantedPin) => {
        const source = sourceOf(wanted)
        return source === undefined ? [wanted.cid] : [wanted.cid, source]
      },
      plan: (wanted: WantedPin, existing: (cid: Cid) => Pin | undefined) => plan(wanted, existing, placing),
    }
  }
  yield* changeMany(consensus, chunks, open, options)
}

function plan(wanted: WantedPin, existingOf: (cid: Cid) => Pin | undefined, placing: Placing): Change {
  const { cid, options } = wanted
  const existing = existingOf(cid)
  const source = sourceOf(wanted)
  const put =
    source === undefined
      ? toPlaced(cid, options, existing, placing)
      : toUpdated(existingOf(source), cid, options, { existing, nowMs: placing.nowMs })
  const isSame = existing !== undefined && isSameRequest(existing, put)
  return { outcome: isSame ? 'unchanged' : 'pinned', put }
}

/** The pin to copy, if any. */
function sourceOf({ cid, options: { pinUpdate }, isEntry }: WantedPin): Cid | undefined {
  return isEntry || pinUpdate === undefined || pinUpdate.equals(cid) ? undefined : pinUpdate
}
