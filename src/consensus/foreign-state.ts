import { ClusterError } from '../errors.ts'
import type { PartitionDocument } from './partition-document.ts'
import type { RemovedAt } from './removal-times.ts'
import { checkState } from './state.ts'
import { hasId, type IdRuns, type ItemId, itemKey } from './update.ts'

/**
 * What another peer has of a partition: an update with everything that was lacking here and all deletions. Of writers
 * that it has retired it keeps no deletions: whatever of theirs it does not name as living is deleted there.
 */
export interface ForeignState {
  readonly update: Uint8Array
  readonly retired: ReadonlySet<number>
  readonly retiredLive: IdRuns
  /** When what is gone there was removed, as far as it remembers. */
  readonly removedAt?: RemovedAt
}

/**
 * What does not come from this program never reaches a document, nor what is said to be ours and is not: `INVALID_ARGUMENT`
 * when the state has more of this writer, `client`, than it has written.
 */
export function checkForeign(
  { update }: ForeignState,
  own: { readonly partition: number; readonly client: number; readonly knownClock: number },
): void {
  if ((checkState(update).get(own.client) ?? 0) <= own.knownClock) return
  throw new ClusterError(
    'INVALID_ARGUMENT',
    `another peer tells of writes of this peer to partition ${own.partition} that it never made`,
  )
}

/**
 * Items of retired writers that live in the document although one of the two sides knows better: whoever has retired a
 * writer has seen all its items, so that what does not live there was deleted there.
 */
export function knownAsDeleted(
  document: PartitionDocument,
  added: readonly ItemId[],
  { retired, retiredLive }: ForeignState,
  retiredHere: ReadonlySet<number>,
): ItemId[] {
  const deletes = added.filter(id => retiredHere.has(id.client))
  if (retired.size === 0) return deletes
  const isFound = new Set(deletes.map(itemKey))
  for (const { client, clock } of document.items()) {
    const key = itemKey({ client, clock })
    if (retired.has(client) && !isFound.has(key) && !hasId(retiredLive, { client, clock }))
      deletes.push({ client, clock })
  }
  return deletes
}
