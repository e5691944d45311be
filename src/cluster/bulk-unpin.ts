import type { Options } from '../interfaces.ts'
import type { BulkLines, BulkResult } from '../model/bulk.ts'
import type { Cid } from '../model/cid.ts'
import type { Pin } from '../model/pin.ts'
import { type Change, changeMany } from './change-many.ts'
import type { ClusterConfig } from './config.ts'
import { refuseAsFollower } from './pin-rules.ts'
import { entriesOf, type UnpinComponents } from './unpin.ts'

/** Takes many CIDs out of the pinset, as `unpinCid` takes one; what is not in it is `absent`, which is no failure. */
export async function* unpinMany(
  components: Omit<UnpinComponents, 'tracer'>,
  config: Pick<ClusterConfig, 'isFollower'>,
  chunks: BulkLines<Cid>,
  options: Options,
): AsyncIterable<readonly BulkResult[]> {
  refuseAsFollower(config.isFollower)
  const plan = (cid: Cid, existingOf: (cid: Cid) => Pin | undefined): Change | Promise<Change> => {
    const pin = existingOf(cid)
    if (pin === undefined) return { outcome: 'absent' }
    if (pin.type === 'pin') return { outcome: 'removed', remove: [cid] }
    return entriesOf(components, pin, options).then(remove => ({ outcome: 'removed', remove }))
  }
  yield* changeMany(components.consensus, chunks, () => ({ cidsOf: cid => [cid], plan }), options)
}
