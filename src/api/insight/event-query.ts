import { ClusterError } from '../../errors.ts'
import { parseCid } from '../../model/cid.ts'
import { EVENT_KINDS, type EventQuery } from '../../model/cluster-event.ts'
import type { Query } from '../query.ts'

/** Which events a query asks for. Throws `INVALID_ARGUMENT` with the name of the parameter. */
export function parseEventQuery(query: Query): EventQuery {
  const { after = '', kinds = '', cid = '' } = query
  const words = kinds.split(',').filter(word => word !== '')
  return {
    ...(after === '' ? {} : { after }),
    ...(words.length === 0 ? {} : { kinds: new Set(words.map(toKind)) }),
    ...(cid === '' ? {} : { cid: parseCid(cid) }),
  }
}

function toKind(word: string) {
  const kind = EVENT_KINDS.find(known => known === word.trim())
  if (kind !== undefined) return kind
  throw new ClusterError(
    'INVALID_ARGUMENT',
    `parameter kinds invalid: "${word.slice(0, 40)}" is none of ${EVENT_KINDS.join(', ')}`,
  )
}
