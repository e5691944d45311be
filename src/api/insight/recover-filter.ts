import { ClusterError, CODES, type Code } from '../../errors.ts'
import { parseStatusFilter } from '../../model/pin-status.ts'
import type { RecoverFilter } from '../../model/recover-filter.ts'
import { parseLimit } from '../pin-range.ts'
import type { Query } from '../query.ts'

/** What to try again; undefined = everything. Throws `INVALID_ARGUMENT` with the name of the parameter. */
export function parseRecoverFilter(query: Query): RecoverFilter | undefined {
  const statuses = parseStatusFilter(query['filter'] ?? '')
  const limit = parseLimit(query)
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
