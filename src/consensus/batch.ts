import { ClusterError } from '../errors.ts'
import type { ByteStore, Logger } from '../interfaces.ts'
import type { Breath } from '../lib/breath.ts'
import { toKey } from '../lib/bytes.ts'
import type { Instruments } from '../lib/instruments.ts'
import type { PeerId } from '../model/peer.ts'
import type { BatchJob, MergeJob, ReceivedChange } from './job-queue.ts'
import { viewKey } from './keys.ts'
import type { METRICS } from './metrics.ts'
import { Work } from './work.ts'

/** A partition of which something is missing here, and the peer who has it. */
export interface Gap {
  readonly from: PeerId
  readonly partition: number
}

/** Works a batch out as far as it can be before it is finished; answers with what is missing for it. */
export async function workOut(
  store: Pick<ByteStore, 'getMany'>,
  work: Work,
  batch: readonly BatchJob[],
  report: BatchReport,
  breath: Breath,
): Promise<readonly Gap[]> {
  await readAhead(store, work, batch)
  const gaps = await applyBatch(work, batch, report, breath)
  const late = work.unread()
  const stored = await store.getMany(late.map(viewKey))
  late.forEach((cid, index) => work.knowLate(cid, stored[index]))
  if (breath.isDue) await breath.taken()
  await work.undoCrossedMoves()
  await work.restoreWanted()
  return gaps
}

/** Who is told of what others sent and was not taken. */
export interface BatchReport {
  readonly logger: Logger
  readonly metrics: Instruments<typeof METRICS>
}

/** Reads the stored entries of all CIDs that a batch names. */
async function readAhead(
  store: Pick<ByteStore, 'getMany'>,
  work: Work,
  batch: readonly BatchJob[],
): Promise<void> {
  const cids = new Map<string, Uint8Array>()
  const want = (cid: Uint8Array) => void cids.set(toKey(cid), cid)
  for (const job of batch) {
    if (job.kind === 'write')
      for (const { bytes } of [...job.puts.map(pin => pin.cid), ...job.removes]) want(bytes)
    if (job.kind === 'receive')
      for (const change of job.changes) for (const cid of Work.cidsOf(change)) want(cid)
  }
  const list = [...cids.values()]
  const stored = await store.getMany(list.map(viewKey))
  list.forEach((cid, index) => work.know(cid, stored[index]))
}

/**
 * Works a batch out, in its order; answers with what is missing for it. What others sent and is not valid spoils nothing
 * else in the batch.
 */
async function applyBatch(
  work: Work,
  batch: readonly BatchJob[],
  report: BatchReport,
  breath: Breath,
): Promise<readonly Gap[]> {
  const gaps: Gap[] = []
  for (const job of batch) {
    if (job.kind === 'write') {
      for (const [at, pin] of job.puts.entries()) {
        const before = job.replacing?.[at]
        if (before === undefined) await work.put(pin)
        else await work.replace(before, pin)
        if (breath.isDue) await breath.taken()
      }
      for (const cid of job.removes) {
        await work.remove(cid.bytes)
        if (breath.isDue) await breath.taken()
      }
    } else if (job.kind === 'merge') {
      await mergeOne(work, job, report)
      if (breath.isDue) await breath.taken()
    } else {
      for (const received of job.changes) {
        const isTaken = await receiveOne(work, job.from, received, report)
        if (!isTaken) gaps.push({ from: job.from, partition: received.partition })
        if (breath.isDue) await breath.taken()
      }
    }
  }
  return gaps
}

async function mergeOne(work: Work, job: MergeJob, { metrics }: BatchReport): Promise<void> {
  try {
    job.outcome = await work.merge(job.partition, job.state)
  } catch (thrown) {
    job.outcome = orThrow(thrown)
    metrics.refused.add(1)
  }
}

async function receiveOne(
  work: Work,
  from: PeerId,
  received: ReceivedChange,
  { logger, metrics }: BatchReport,
): Promise<boolean> {
  try {
    return await work.receive(received)
  } catch (thrown) {
    const error = orThrow(thrown)
    metrics.refused.add(1)
    logger.warn('a change by another peer was refused', { from, error })
    return true
  }
}

/** What another peer is at fault for; everything else is thrown on. */
function orThrow(thrown: unknown): ClusterError {
  if (thrown instanceof ClusterError && thrown.code !== 'STORE_FAILED') return thrown
  throw thrown
}

/** Tells everybody who waits for the batch that it is on disk. */
export function settle(batch: readonly BatchJob[]): void {
  for (const job of batch) {
    if (job.kind === 'write') job.done.resolve()
    if (job.kind !== 'merge') continue
    if (job.outcome instanceof ClusterError) job.done.reject(job.outcome)
    else job.done.resolve(job.outcome)
  }
}
