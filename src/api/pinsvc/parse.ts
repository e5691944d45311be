import { multiaddr } from '@multiformats/multiaddr'
import { ClusterError, messageOf } from '../../errors.ts'
import { parseCid } from '../../model/cid.ts'
import {
  HELD_KEY,
  NAME_MATCHES,
  OWNER_KEY,
  REQUEST_BOUNDS,
  REQUEST_STATUSES,
  type RequestFilter,
  type RequestStatus,
  type WantedRequest,
} from '../../model/pin-request.ts'
import { parseTime } from '../../model/time-json.ts'
import type { Query } from '../query.ts'

const LIMIT_DEFAULT = 10

function refuse(message: string, cause?: unknown): never {
  throw new ClusterError('INVALID_ARGUMENT', message, { cause })
}

function attempt<Result>(what: string, parse: () => Result): Result {
  try {
    return parse()
  } catch (cause) {
    return refuse(`${what}: ${messageOf(cause)}`, cause)
  }
}

/** Which requests a query asks for. Throws `INVALID_ARGUMENT` naming the parameter. */
export function parseRequestFilter(query: Query, owner: string | undefined): RequestFilter {
  const { cid = '', name, status = '', before = '', after = '', limit = '', meta = '' } = query
  const match = matchOf(query['match'])
  return {
    owner,
    cids: cid === '' ? undefined : parseCids(cid),
    name: name === undefined ? undefined : { text: checkName(name, "error in 'name' query param"), match },
    beforeMs: timeOf(before, 'before'),
    afterMs: timeOf(after, 'after'),
    meta: meta === '' ? {} : parseMetaText(meta),
    statuses: status === '' ? undefined : parseStatuses(status),
    limit: limit === '' ? LIMIT_DEFAULT : parseLimit(limit),
  }
}

function parseCids(text: string): RequestFilter['cids'] {
  const texts = text.split(',')
  if (texts.length > REQUEST_BOUNDS.cids)
    refuse(`error in 'cid' query param: more than ${REQUEST_BOUNDS.cids} CIDs`)
  return texts.map(one => attempt("error in 'cid' query param", () => parseCid(one)))
}

function matchOf(text = ''): (typeof NAME_MATCHES)[number] {
  if (text === '') return 'exact'
  return (
    NAME_MATCHES.find(match => match === text) ??
    refuse(`error in 'match' query param: it is none of ${NAME_MATCHES.join(', ')}`)
  )
}

function timeOf(text: string, name: string): number | undefined {
  return text === '' ? undefined : attempt(`error decoding '${name}' query param`, () => parseTime(text))
}

function parseStatuses(text: string): ReadonlySet<RequestStatus> {
  const statuses = text
    .split(',')
    .map(
      word =>
        REQUEST_STATUSES.find(status => status === word) ??
        refuse(
          `error decoding 'status' query param: no valid filter: it is a comma list of ${REQUEST_STATUSES.join(', ')}`,
        ),
    )
  return new Set(statuses)
}

function parseLimit(text: string): number {
  const limit = /^\d{1,6}$/.test(text) ? Number(text) : 0
  return limit >= 1 && limit <= REQUEST_BOUNDS.limit
    ? limit
    : refuse(`error parsing 'limit' query param: it is no number from 1 to ${REQUEST_BOUNDS.limit}`)
}

function parseMetaText(text: string): Readonly<Record<string, string>> {
  const what = "error unmarshalling 'meta' query param"
  const value = attempt(what, (): unknown => JSON.parse(text))
  return checkMeta(value, what)
}

/** The request in a document. Throws `INVALID_ARGUMENT` naming what is wrong. Unknown members are passed over. */
export function parseWantedRequest(body: unknown): WantedRequest {
  const what = 'error decoding request body'
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    refuse(`${what}: it is no JSON object`)
  const { cid, name, origins, meta } = body as Readonly<Record<string, unknown>>
  if (typeof cid !== 'string') refuse(`${what}: "cid" is missing or no text`)
  if (name !== undefined && name !== null && typeof name !== 'string') refuse(`${what}: "name" is no text`)
  return {
    cid: attempt(what, () => parseCid(cid)),
    name: checkName(name ?? '', what),
    meta: checkMeta(meta ?? {}, what),
    origins: checkOrigins(origins ?? [], what),
  }
}

function checkName(name: string, what: string): string {
  // Characters outside the basic plane count as one, as JSON Schema counts them.
  if (name.length > REQUEST_BOUNDS.nameLength && Array.from(name).length > REQUEST_BOUNDS.nameLength)
    refuse(`${what}: pin name is over ${REQUEST_BOUNDS.nameLength} chars`)
  return name
}

function checkOrigins(value: unknown, what: string): readonly string[] {
  if (!Array.isArray(value)) refuse(`${what}: "origins" is no list`)
  if (value.length > REQUEST_BOUNDS.origins) refuse(`${what}: more than ${REQUEST_BOUNDS.origins} origins`)
  const texts = value.map((origin: unknown) => {
    if (typeof origin !== 'string') refuse(`${what}: an origin is no text`)
    return attempt(`${what}: an origin is no multiaddr`, () => multiaddr(origin).toString())
  })
  return [...new Set(texts)]
}

function checkMeta(value: unknown, what: string): Readonly<Record<string, string>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    refuse(`${what}: "meta" is no object`)
  const entries = Object.entries(value).map(([key, text]: [string, unknown]): [string, string] => {
    if (typeof text !== 'string') refuse(`${what}: "meta" has a value that is no text`)
    if (key === OWNER_KEY || key === HELD_KEY) refuse(`${what}: "meta" may not have the key ${key}`)
    return [key, text]
  })
  return Object.fromEntries(entries)
}
