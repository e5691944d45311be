import { ClusterError } from '../errors.ts'
import type { Consensus, Options } from '../interfaces.ts'
import type { BulkLines, BulkResult, ImportChanges } from '../model/bulk.ts'
import type { Cid } from '../model/cid.ts'
import { isMarkName } from '../model/peer-mark.ts'
import { isEverywhere, isSameRequest, type Pin } from '../model/pin.ts'
import { type Change, changeMany } from './change-many.ts'
import type { peerChooser } from './choose-peers.ts'
import type { Replication } from './config.ts'
import { resolveReplication } from './replication.ts'

/** What importing needs; `openChooser` gives who chooses peers for the next chunk. */
export interface ImportComponents {
  readonly consensus: Pick<Consensus, 'getMany' | 'put' | 'remove'>
  readonly openChooser: () => ReturnType<typeof peerChooser>
  readonly replication: Replication
}

/**
 * Writes entries as they were exported: with their types, peers and times, over what stands there. Only what an entry
 * leaves open is decided here: how often it is kept, and by whom.
 */
export function importPins(
  { consensus, openChooser, replication: byDefault }: ImportComponents,
  chunks: BulkLines<Pin>,
  changes: ImportChanges,
  options: Options,
): AsyncIterable<readonly BulkResult[]> {
  const open = () => {
    const choose = openChooser()
    const plan = (entry: Pin, existingOf: (cid: Cid) => Pin | undefined): Change => {
      const existing = existingOf(entry.cid)
      const put = toImported(entry, changes, byDefault, choose)
      const isSame = existing !== undefined && isSameRequest(existing, put)
      return { outcome: isSame ? 'unchanged' : 'pinned', put }
    }
    return { cidsOf: (entry: Pin) => [entry.cid], plan }
  }
  return changeMany(consensus, chunks, open, options)
}

function toImported(
  entry: Pin,
  changes: ImportChanges,
  byDefault: Replication,
  choose: ReturnType<typeof peerChooser>,
): Pin {
  if (entry.type === 'peer-mark' || isMarkName(entry.cid.bytes))
    throw new ClusterError(
      'REFUSED',
      'what was said of a peer is not imported: say it again with "peers cordon", "drain", "maintenance" or "rm"',
    )
  if (entry.type === 'request') return entry
  const asked = {
    replicationMin: changes.replicationMin > 0 ? changes.replicationMin : entry.replicationMin,
    replicationMax: changes.replicationMax > 0 ? changes.replicationMax : entry.replicationMax,
  }
  const replication = resolveReplication(asked, byDefault)
  const { min: replicationMin, max: replicationMax } = replication
  const said = changes.allocations.length > 0 ? changes.allocations : entry.allocations
  const isPlaced = said.length > 0 || isEverywhere({ replicationMin, replicationMax })
  const allocations = isPlaced
    ? said
    : choose({ cid: entry.cid, replication, existing: undefined, metadata: entry.metadata, preferred: [] })
  return { ...entry, replicationMin, replicationMax, allocations }
}
