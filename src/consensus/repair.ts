import { ClusterError } from '../errors.ts'
import type { ByteStore, Logger, StoreWrite } from '../interfaces.ts'
import { fromKey, toKey } from '../lib/bytes.ts'
import { isHiddenName } from '../model/entry-name.ts'
import type { Committed } from './committed.ts'
import type { Documents } from './documents.ts'
import { EMPTY_HEAD, encodeHead, type Head, xorItem } from './head.ts'
import {
  cidOfViewKey,
  headKey,
  LOGS,
  logRange,
  partitionOfKey,
  SNAPSHOTS,
  snapshotKey,
  VIEW_RANGE,
  viewKey,
} from './keys.ts'
import { encodeRetired } from './meta.ts'
import { PartitionDocument } from './partition-document.ts'
import { checkState } from './state.ts'
import { encodeViewEntry } from './view.ts'

/** Partitions whose log or snapshot on disk is not as their head says: something was lost between two writes. */
async function findDamaged(
  store: Pick<ByteStore, 'keys'>,
  heads: ReadonlyMap<number, Head>,
): Promise<number[]> {
  const counts = new Map<number, number>()
  for await (const key of store.keys(LOGS)) {
    const partition = partitionOfKey(key)
    counts.set(partition, (counts.get(partition) ?? 0) + 1)
  }
  const snapshots = new Set<number>()
  for await (const key of store.keys(SNAPSHOTS)) snapshots.add(partitionOfKey(key))
  const partitions = new Set([...counts.keys(), ...snapshots, ...heads.keys()])
  return [...partitions].filter(partition => {
    const { logCount, snapshotBytes } = heads.get(partition) ?? EMPTY_HEAD
    return (counts.get(partition) ?? 0) !== logCount || snapshots.has(partition) !== snapshotBytes > 0
  })
}

/** What repairing needs of the replica. */
export interface RepairParts {
  readonly store: ByteStore
  readonly documents: Documents
  readonly committed: () => Committed
  readonly partitionOf: (cid: Uint8Array) => number
  /** Writes all or nothing, with the number of pins after it. */
  readonly write: (writes: readonly StoreWrite[], pinsCount: number) => Promise<void>
  /** Runs something between two batches. */
  readonly alone: (run: () => Promise<void>) => Promise<void>
  readonly onChanged: (cids: readonly Uint8Array[]) => void
  readonly logger: Logger
}

/**
 * Looks for partitions of which something on disk is missing, and builds them anew from the rest: what the disk lost is
 * said in the log, and shows in the digest, so that it comes back from other peers.
 */
export class Repair {
  readonly #parts: RepairParts

  constructor(parts: RepairParts) {
    this.#parts = parts
  }

  /** Compares all heads with what is there, before anything else is done. */
  begin(): void {
    const { store, committed, alone, logger } = this.#parts
    alone(async () => {
      const damaged = await findDamaged(store, committed().heads)
      if (damaged.length > 0) this.#tell(damaged.length)
      for (let at = 0; at < damaged.length; at += REBUILT_AT_ONCE)
        await this.#rebuild(damaged.slice(at, at + REBUILT_AT_ONCE))
      if (damaged.length > 0) await this.#countPins()
    }).catch((error: unknown) => logger.warn('the pinset on disk was not checked', { error }))
  }

  #tell(partitions: number): void {
    this.#parts.logger.error(
      'the pinset on disk is damaged: what is left is kept, the rest fetched from other peers',
      { partitions },
    )
  }

  async #countPins(): Promise<void> {
    const { store, committed, write } = this.#parts
    let count = 0
    for await (const key of store.keys(VIEW_RANGE)) if (!isHiddenName(cidOfViewKey(key))) count++
    await write([], count)
    committed().pinsCount = count
  }

  /** Builds a partition anew that could not be read. */
  one(partition: number): void {
    const { alone, logger } = this.#parts
    this.#tell(1)
    alone(() => this.#rebuild([partition])).catch((error: unknown) =>
      logger.warn('a damaged partition was not repaired', { partition, error }),
    )
  }

  async #rebuild(partitions: readonly number[]): Promise<void> {
    const { store, partitionOf, committed, documents, write, onChanged } = this.#parts
    const stale = await viewCidsOf(store, partitionOf, partitions)
    const now = committed()
    for (const [partition, staleCids] of stale) {
      const done = await rebuildPartition(
        { ...this.#parts, retired: now.retired },
        partition,
        now.headOf(partition).nextSequence,
        staleCids,
      )
      const pinsCount = now.pinsCount + done.added
      // This peer does not know everything of anybody any more, and must not take what it lacks for deleted.
      await write([...done.writes, encodeRetired([])], pinsCount)
      now.forgetRetired()
      now.pinsCount = pinsCount
      now.setHead(partition, done.head)
      documents.evict(partition)
      onChanged(done.changed)
    }
  }
}

/** Partitions for which one walk over the view is made: each names the CIDs that it has there. */
const REBUILT_AT_ONCE = 64

/** A partition made whole again: what to write, and by how many the number of pins grows. */
interface Repaired {
  readonly writes: readonly StoreWrite[]
  readonly head: Head
  readonly added: number
  /** CIDs (bytes) whose entry in the view may be another one now. */
  readonly changed: readonly Uint8Array[]
}

/**
 * Builds a partition anew from what can still be read of it: snapshot and log entries as far as they follow on each
 * other, the head from those, and the view from all of that. What is missing shows in the digest, so that it is fetched
 * from the others.
 */
async function rebuildPartition(
  {
    store,
    partitionOf,
    retired,
  }: Pick<RepairParts, 'store' | 'partitionOf'> & { readonly retired: ReadonlySet<number> },
  partition: number,
  nextSequence: number,
  stale: ReadonlySet<string>,
): Promise<Repaired> {
  const logKeys: Uint8Array[] = []
  const updates: Uint8Array[] = []
  const snapshot = await store.get(snapshotKey(partition))
  if (snapshot !== undefined) updates.push(snapshot)
  for await (const [key, update] of store.entries(logRange(partition))) {
    logKeys.push(key)
    updates.push(update)
  }
  const document = readable(partition, partitionOf, updates)
  const clocks = document.settledClocks(retired)
  const state = document.encode(clocks)
  const live = Uint8Array.from(EMPTY_HEAD.live)
  const cids = new Set(document.cids())
  for (const item of document.items()) xorItem(live, item)
  const head: Head = {
    ...EMPTY_HEAD,
    clocks,
    live,
    liveCount: document.liveCount,
    nextSequence,
    snapshotBytes: state.length,
  }
  const writes: StoreWrite[] = logKeys.map(key => ({ key, value: undefined }))
  writes.push(
    { key: snapshotKey(partition), value: state },
    { key: headKey(partition), value: encodeHead(head) },
  )
  const changed: Uint8Array[] = []
  for (const cid of new Set([...cids, ...stale])) {
    const entry = document.entryOf(cid)
    const value = entry === undefined ? undefined : encodeViewEntry(entry)
    writes.push({ key: viewKey(fromKey(cid)), value })
    changed.push(fromKey(cid))
  }
  document.destroy()
  return { writes, head, added: pinsIn(cids) - pinsIn(stale), changed }
}

/** How many of the CIDs are of pins: requests and marks are not counted. */
function pinsIn(cids: ReadonlySet<string>): number {
  let count = 0
  for (const cid of cids) if (!isHiddenName(fromKey(cid))) count++
  return count
}

/** A document with every update that can be read and has nothing missing before it. */
function readable(
  partition: number,
  partitionOf: (cid: Uint8Array) => number,
  updates: readonly Uint8Array[],
): PartitionDocument {
  const good: Uint8Array[] = []
  let document = new PartitionDocument(partition, partitionOf)
  for (const update of updates) {
    try {
      checkState(update)
      document.apply([update])
      good.push(update)
    } catch (thrown) {
      if (!(thrown instanceof ClusterError)) throw thrown
      document.destroy()
      document = new PartitionDocument(partition, partitionOf)
      document.apply(good)
    }
  }
  return document
}

/** The CIDs that the view has of each partition. */
async function viewCidsOf(
  store: Pick<ByteStore, 'keys'>,
  partitionOf: (cid: Uint8Array) => number,
  partitions: readonly number[],
): Promise<ReadonlyMap<number, ReadonlySet<string>>> {
  const cids = new Map(partitions.map(partition => [partition, new Set<string>()]))
  for await (const key of store.keys(VIEW_RANGE)) {
    const cid = cidOfViewKey(key)
    cids.get(partitionOf(cid))?.add(toKey(cid))
  }
  return cids
}
