import { ClusterError, messageOf } from '../errors.ts'
import type { PinRange } from '../interfaces.ts'
import { parseCid } from '../model/cid.ts'
import { parsePeerId } from '../model/peer.ts'
import { metadataOf, parseTypeFilter, type Query } from './query.ts'

/**
 * Which part of the pinset a query asks for. Parameters that are empty count as not given. Throws `INVALID_ARGUMENT` with
 * the name of the parameter.
 */
export function parsePinRange(query: Query): PinRange {
  const types = parseTypeFilter(query['filter'])
  const limit = limitOf(query['limit'])
  const after = parsed(query, 'after', parseCid)
  const from = parsed(query, 'cid-from', parseCid)
  const to = parsed(query, 'cid-to', parseCid)
  const namePrefix = query['name-prefix'] ?? ''
  const allocation = parsed(query, 'allocation', parsePeerId)
  const metadata = metadataOf(query)
  return {
    ...(types === undefined ? {} : { types }),
    ...(limit === undefined ? {} : { limit }),
    ...(after === undefined ? {} : { after }),
    ...(from === undefined ? {} : { from }),
    ...(to === undefined ? {} : { to }),
    ...(namePrefix === '' ? {} : { namePrefix }),
    ...(allocation === undefined ? {} : { allocation }),
    ...(Object.keys(metadata).length === 0 ? {} : { metadata }),
  }
}

function limitOf(text: string | undefined): number | undefined {
  if (text === undefined || text === '') return undefined
  const limit = Number(text)
  if (/^\d+$/.test(text) && limit >= 1 && limit <= 0x7fff_ffff) return limit
  throw new ClusterError('INVALID_ARGUMENT', 'parameter limit invalid: it is a whole number from 1')
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
