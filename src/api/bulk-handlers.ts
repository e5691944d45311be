import { ClusterError } from '../errors.ts'
import type { Cluster, Options } from '../interfaces.ts'
import type { Clock } from '../lib/clock.ts'
import { mapPages } from '../lib/pages.ts'
import type { BulkResult } from '../model/bulk.ts'
import {
  type BulkAnswerJson,
  type BulkCountsJson,
  toBulkAnswerJson,
  toStoppedJson,
} from '../model/bulk-json.ts'
import { toBulkLines } from '../model/bulk-lines.ts'
import type { Cid } from '../model/cid.ts'
import { parsePeerId } from '../model/peer.ts'
import { EXPORT_TYPES } from '../model/pin.ts'
import { toPinJson } from '../model/pin-json.ts'
import { parseCidLine, parseEntryLine, parsePinLine } from '../model/pin-line.ts'
import { booleanOf, parsePinOptions, toQuery } from './query.ts'
import type { Handlers, Routes } from './routes.ts'

/** The handlers of everything that takes or gives pins by the line. */
export function bulkHandlers(
  cluster: Cluster,
  clock: Clock,
): Pick<Handlers<Routes, Options>, 'pinMany' | 'unpinMany' | 'exportState' | 'importState'> {
  return {
    pinMany({ query, lines }, options) {
      const defaults = parsePinOptions(toQuery(query), clock.now())
      const wanted = toBulkLines(lines, text => parsePinLine(text, defaults, clock.now()), cidOfEntry)
      return answers(cluster.pinMany(wanted, options), query?.answers)
    },
    unpinMany({ query, lines }, options) {
      return answers(
        cluster.unpinMany(
          toBulkLines(lines, parseCidLine, cid => cid),
          options,
        ),
        query?.answers,
      )
    },
    exportState({ query }, options) {
      const range = booleanOf(toQuery(query), 'requests') ? { types: EXPORT_TYPES } : {}
      return mapPages(cluster.allocations(range, options), page => page.map(toPinJson))
    },
    importState({ query, lines }, options) {
      const { replicationMin, replicationMax } = parsePinOptions(toQuery(query), clock.now())
      const allocations = (query?.allocations ?? '')
        .split(',')
        .filter(text => text !== '')
        .map(parsePeerId)
      const changes = { replicationMin, replicationMax, allocations }
      const entries = toBulkLines(lines, parseEntryLine, cidOfEntry)
      return answers(cluster.importPins(entries, { ...changes, signal: options.signal }), query?.answers)
    },
  }
}

const cidOfEntry = ({ cid }: { readonly cid: Cid }) => cid

/** Answers to lines, and how many there were of each kind so far. */
export interface BulkAnswers extends AsyncIterable<BulkAnswerJson> {
  /** How many lines were answered. */
  readonly lines: () => number
  readonly counts: () => BulkCountsJson
}

/** Answers as JSON. With `failed` only failures are told, and at the end how many lines ended how. */
function answers(chunks: AsyncIterable<readonly BulkResult[]>, which: string | undefined): BulkAnswers {
  const counts = { pinned: 0, unchanged: 0, removed: 0, absent: 0, failed: 0 }
  let line = 0
  async function* documents(): AsyncGenerator<BulkAnswerJson> {
    if (which !== undefined && which !== '' && which !== 'all' && which !== 'failed')
      throw new ClusterError('INVALID_ARGUMENT', 'parameter answers invalid: it is neither all nor failed')
    const isTerse = which === 'failed'
    try {
      for await (const chunk of chunks) {
        // What is in a chunk is done, whoever reads of it.
        for (const { outcome } of chunk) counts[typeof outcome === 'string' ? outcome : 'failed']++
        line = chunk.at(-1)?.line ?? line
        for (const result of chunk) {
          if (!isTerse || typeof result.outcome !== 'string') yield toBulkAnswerJson(result)
        }
      }
    } catch (thrown) {
      // Nothing was answered yet, so the whole answer can be that error.
      if (line === 0) throw thrown
      yield toStoppedJson(line + 1, thrown)
      throw thrown
    }
    if (isTerse) yield { line, status: 'done', counts: counts satisfies BulkCountsJson }
  }
  return { [Symbol.asyncIterator]: documents, lines: () => line, counts: () => counts }
}
