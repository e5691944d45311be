import { ClusterError, CODES, type Code, messageOf } from '../../errors.ts'
import { parseDuration } from '../../lib/duration.ts'
import { parseStatusFilter } from '../../model/pin-status.ts'
import type { RecoverFilter } from '../../model/recover-filter.ts'
import type { StatusRange } from '../../model/status-range.ts'
import { parsePinRange } from '../pin-range.ts'
import type { Query } from '../query.ts'

/**
 * Which part of a listing of states a query asks for: as for the pinset, without `filter`, which is for states here, and by
 * age. Throws `INVALID_ARGUMENT` with the name of the parameter.
 */
export function parseStatusRange(query: Query, nowMs: number): StatusRange {
  const olderMs = ageOf(query, 'older-than')
  const newerMs = ageOf(query, 'newer-than')
  return {
    ...parsePinRange({ ...query, filter: '' }),
    ...(olderMs === undefined ? {} : { writtenBeforeMs: nowMs - olderMs }),
    ...(newerMs === undefined ? {} : { writtenSinceMs: nowMs - newerMs }),
  }
}

/** What to try again; undefined = everything. Throws `INVALID_ARGUMENT` with the name of the parameter. */
export function parseRecoverFilter(query: Query): RecoverFilter | undefined {
  const statuses = parseStatusFilter(query['filter'] ?? '')
  const { limit } = parsePinRange({ limit: query['limit'] ?? '' })
  const reasons = (query['reason'] ?? '').split(',').filter(text => text !== '')
  if (statuses === undefined && limit === undefined && reasons.length === 0) return undefined
  return {
    ...(statuses === undefined ? {} : { statuses }),
    ...(limit === undefined ? {} : { limit }),
    ...(reasons.length === 0 ? {} : { reasons: new Set(reasons.map(toReason)) }),
  }
}

function toReason(text: string): Code {
  const reason = text.trim().toUpperCase()
  if (Object.hasOwn(CODES, reason)) return reason as Code
  throw new ClusterError(
    'INVALID_ARGUMENT',
    `parameter reason invalid: "${text.slice(0, 40)}" is none of ${Object.keys(CODES).join(', ')}`,
  )
}

function ageOf(query: Query, name: string): number | undefined {
  const text = query[name] ?? ''
  if (text === '') return undefined
  try {
    const ageMs = parseDuration(text)
    if (ageMs >= 0) return ageMs
  } catch (cause) {
    throw new ClusterError('INVALID_ARGUMENT', `parameter ${name} invalid: ${messageOf(cause)}`, { cause })
  }
  throw new ClusterError(
    'INVALID_ARGUMENT',
    `parameter ${name} invalid: a time span such as 1h is not negative`,
  )
}
