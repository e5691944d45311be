import { toClusterError } from '../errors.ts'
import { choiceSchema, integerSchema, objectSchema, textSchema, type ValueOf } from '../lib/json-schema.ts'
import { BULK_OUTCOMES, type BulkResult } from './bulk.ts'
import { formatCid } from './cid.ts'

const errorJsonSchema = objectSchema({
  code: integerSchema,
  message: textSchema(),
  reason: textSchema('one of the error codes'),
})

const countsJsonSchema = objectSchema({
  pinned: integerSchema,
  unchanged: integerSchema,
  removed: integerSchema,
  absent: integerSchema,
  failed: integerSchema,
})

/**
 * JSON of an answer to a bulk request. `stopped` means that this line and everything behind it was not done, and `done`,
 * where only failures are answered, that the whole request was.
 */
export const bulkAnswerJsonSchema = objectSchema(
  {
    line: integerSchema,
    status: choiceSchema([...BULK_OUTCOMES, 'error', 'stopped', 'done']),
  },
  { cid: textSchema('CID'), error: errorJsonSchema, counts: countsJsonSchema },
)
/** JSON of an answer to a bulk request. */
export type BulkAnswerJson = ValueOf<typeof bulkAnswerJsonSchema>

/** How many lines ended how. */
export type BulkCountsJson = ValueOf<typeof countsJsonSchema>

/** JSON of what became of a line. */
export function toBulkAnswerJson({ line, cid, outcome }: BulkResult): BulkAnswerJson {
  const named = cid === undefined ? {} : { cid: formatCid(cid) }
  if (typeof outcome === 'string') return { line, ...named, status: outcome }
  return { line, ...named, status: 'error', error: toErrorJson(outcome) }
}

/** JSON of the end of a request that could not be done whole. */
export function toStoppedJson(line: number, thrown: unknown): BulkAnswerJson {
  return { line, status: 'stopped', error: toErrorJson(thrown) }
}

function toErrorJson(thrown: unknown): ValueOf<typeof errorJsonSchema> {
  const { status, message, code } = toClusterError(thrown)
  return { code: status, message, reason: code }
}
