import { ClusterError, messageOf } from '../errors.ts'
import type { PinRange } from '../interfaces.ts'
import { parseDuration } from '../lib/duration.ts'
import { parseCid } from '../model/cid.ts'
import { parsePeerId } from '../model/peer.ts'
import { parseTime } from '../model/time-json.ts'
import { metadataOf, parseTypeFilter, type Query } from './query.ts'

/**
 * Which part of the pinset a query asks for. Parameters that are empty count as not given. Ages count back from `nowMs`,
 * Unix milliseconds. Throws `INVALID_ARGUMENT` with the name of the parameter.
 */
export function parsePinRange(query: Query, nowMs: number): PinRange {
  const types = parseTypeFilter(query['filter'])
  const limit = parseLimit(query)
  const after = parsed(query, 'after', parseCid)
  const from = parsed(query, 'cid-from', parseCid)
  const to = parsed(query, 'cid-to', parseCid)
  const namePrefix = query['name-prefix'] ?? ''
  const allocation = parsed(query, 'allocation', parsePeerId)
  const metadata = metadataOf(query)
  const writtenBeforeMs = parsed(query, 'older-than', text => parseMoment(text, nowMs))
  const writtenSinceMs = parsed(query, 'newer-than', text => parseMoment(text, nowMs))
  return {
    ...(types === undefined ? {} : { types }),
    ...(limit === undefined ? {} : { limit }),
    ...(after === undefined ? {} : { after }),
    ...(from === undefined ? {} : { from }),
    ...(to === undefined ? {} : { to }),
    ...(namePrefix === '' ? {} : { namePrefix }),
    ...(allocation === undefined ? {} : { allocation }),
    ...(Object.keys(metadata).length === 0 ? {} : { metadata }),
    ...(writtenBeforeMs === undefined ? {} : { writtenBeforeMs }),
    ...(writtenSinceMs === undefined ? {} : { writtenSinceMs }),
  }
}

/** How many at most; undefined = all. Throws `INVALID_ARGUMENT`. */
export function parseLimit(query: Query): number | undefined {
  const text = query['limit']
  if (text === undefined || text === '') return undefined
  const limit = Number(text)
  if (/^\d+$/.test(text) && limit >= 1 && limit <= 0x7fff_ffff) return limit
  throw new ClusterError('INVALID_ARGUMENT', 'parameter limit invalid: it is a whole number from 1')
}

/** Unix milliseconds of a time, or of so long before `nowMs`. */
function parseMoment(text: string, nowMs: number): number {
  if (/^\d{4}-/.test(text)) return parseTime(text) ?? 0
  const ageMs = parseDuration(text)
  if (ageMs >= 0) return nowMs - ageMs
  throw new ClusterError('INVALID_ARGUMENT', 'a time span such as 1h is not negative')
}

function parsed<Value>(query: Query, name: string, parse: (text: string) => Value): Value | undefined {
  const text = query[name]
  if (text === undefined || text === '') return undefined
  try {
    return parse(text)
  } catch (cause) {
    throw new ClusterError('INVALID_ARGUMENT', `parameter ${name} invalid: ${messageOf(cause)}`, { cause })
  }
}
