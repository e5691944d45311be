import { ClusterError, toClusterError } from '../errors.ts'
import type { Consensus, Options } from '../interfaces.ts'
import type { BulkLines, BulkOutcome, BulkResult } from '../model/bulk.ts'
import { type Cid, cidKey } from '../model/cid.ts'
import type { Pin } from '../model/pin.ts'
import { answerInOrder } from './in-flight.ts'
import { PinnedAhead } from './pinned-ahead.ts'

/** Lines that may be under way: two of the pinset's own batches, so that one is worked out while the other is written. */
const LINES_UNDER_WAY_MAX = 2000

/** What one line comes to: what to write, if anything, and what to answer once it is on disk. */
export interface Change {
  readonly outcome: BulkOutcome
  readonly put?: Pin
  readonly remove?: readonly Cid[]
}

/** Works out changes against the pinset as it will be after the lines before. */
export interface Planner<Wanted> {
  /** What `plan` will look at for a line. */
  cidsOf(wanted: Wanted): readonly Cid[]
  /** Throws what the line is answered with. */
  plan(wanted: Wanted, existing: (cid: Cid) => Pin | undefined): Change | Promise<Change>
}

/**
 * Carries out lines in their order, each chunk as one write; an answer comes when its chunk is on disk. A line that
 * cannot be done is answered with its error and the rest goes on. A write that fails ends everything, behind the answers
 * to what was written before it. `open` makes the planner of a chunk.
 */
export function changeMany<Wanted>(
  consensus: Pick<Consensus, 'getMany' | 'put' | 'remove'>,
  chunks: BulkLines<Wanted>,
  open: () => Planner<Wanted>,
  { signal }: Options,
): AsyncIterable<readonly BulkResult[]> {
  const ahead = new PinnedAhead(consensus)
  return answerInOrder(chunks, LINES_UNDER_WAY_MAX, async chunk => {
    signal.throwIfAborted()
    const planner = open()
    const known = chunk.flatMap(({ wanted }) =>
      wanted instanceof ClusterError ? [] : planner.cidsOf(wanted),
    )
    await ahead.read(known)
    const puts = new Map<string, Pin>()
    const removes: Cid[] = []
    const by = puts
    const results: BulkResult[] = []
    for (const { line, cid, wanted } of chunk) {
      const planned = plan(planner, wanted, ahead, signal)
      const change = planned instanceof Promise ? await planned : planned
      if (change instanceof ClusterError) {
        results.push({ line, cid, outcome: change })
        continue
      }
      if (change.put !== undefined) puts.set(cidKey(change.put.cid), change.put)
      if (change.put !== undefined) ahead.set(change.put.cid, change.put, by)
      for (const gone of change.remove ?? []) {
        removes.push(gone)
        ahead.set(gone, undefined, by)
      }
      results.push({ line, cid, outcome: change.outcome })
    }
    const write = async () => {
      if (puts.size > 0) await consensus.put([...puts.values()], { signal })
      if (removes.length > 0) await consensus.remove(removes, { signal })
      ahead.settle(puts.size > 0 ? known : removes, by)
      return results
    }
    return { size: chunk.length, answer: write() }
  })
}

/** Plans a line; what goes wrong with it is its answer. */
function plan<Wanted>(
  planner: Planner<Wanted>,
  wanted: Wanted | ClusterError,
  ahead: PinnedAhead,
  signal: AbortSignal,
): Change | ClusterError | Promise<Change | ClusterError> {
  if (wanted instanceof ClusterError) return wanted
  const refused = (thrown: unknown) => {
    signal.throwIfAborted()
    return toClusterError(thrown)
  }
  try {
    const planned = planner.plan(wanted, cid => ahead.get(cid))
    return planned instanceof Promise ? planned.catch(refused) : planned
  } catch (thrown) {
    return refused(thrown)
  }
}
