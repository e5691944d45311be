import {
  choiceSchema,
  dictionarySchema,
  integerSchema,
  type JsonSchema,
  listSchema,
  objectSchema,
  textSchema,
  type ValueOf,
} from '../../lib/json-schema.ts'
import { NAME_MATCHES, REQUEST_STATUSES } from '../../model/pin-request.ts'
import type { Route } from '../routes.ts'

/** One row of the table: as in the REST API, and the status of an answer that is neither 200 nor 204. */
export interface PinSvcRoute extends Omit<Route, 'body' | 'streams'> {
  readonly body?: JsonSchema<unknown>
  readonly status?: 202
}

const requestPin = objectSchema(
  { cid: textSchema('CID') },
  {
    name: textSchema('at most 255 characters'),
    origins: listSchema(textSchema('multiaddr with /p2p/<id>, at most 20')),
    meta: dictionarySchema(textSchema()),
  },
)
/** JSON of a request: `PinStatus` of the specification. */
export const pinStatusJsonSchema = objectSchema(
  {
    requestid: textSchema('unlike every other'),
    status: choiceSchema(REQUEST_STATUSES),
    created: textSchema('RFC 3339'),
    pin: requestPin,
    delegates: listSchema(textSchema('multiaddr of an IPFS node that is to have the content')),
  },
  { info: dictionarySchema(textSchema()) },
)
/** JSON of a request. */
export type PinStatusJson = ValueOf<typeof pinStatusJsonSchema>

const listQuery = objectSchema(
  {},
  {
    cid: textSchema('comma list of at most 10 CIDs'),
    name: textSchema('at most 255 characters'),
    match: choiceSchema(NAME_MATCHES, 'how names are compared: exact when absent'),
    status: textSchema(`comma list of ${REQUEST_STATUSES.join(', ')}; all when absent`),
    before: textSchema('RFC 3339; created before that'),
    after: textSchema('RFC 3339; created after that'),
    limit: textSchema('1 to 1000; 10 when absent'),
    meta: textSchema('JSON object of texts, all of which must be there'),
  },
)
const requestId = objectSchema({ requestid: textSchema() })

/**
 * The Pinning Service API (version 1.0.0 of its specification). The order is that of the reference, whose choice between 404
 * and 405 for a wrong method depends on it.
 */
export const pinSvcRoutes = {
  list: {
    method: 'GET',
    path: '/pins',
    scope: 'read',
    summary:
      'The requests of the caller that fit, newest first, and how many there are. For the next page, `before` with the last `created`',
    query: listQuery,
    reply: objectSchema({ count: integerSchema, results: listSchema(pinStatusJsonSchema) }),
  },
  add: {
    method: 'POST',
    path: '/pins',
    scope: 'pin',
    summary: 'Ask for a CID to be pinned; any number of requests may ask for the same',
    body: requestPin,
    reply: pinStatusJsonSchema,
    status: 202,
  },
  get: {
    method: 'GET',
    path: '/pins/:requestid',
    scope: 'read',
    summary: 'How far a request has come',
    params: requestId,
    reply: pinStatusJsonSchema,
  },
  replace: {
    method: 'POST',
    path: '/pins/:requestid',
    scope: 'pin',
    summary: 'Put a new request in the place of another, which ends; answers with the new one',
    params: requestId,
    body: requestPin,
    reply: pinStatusJsonSchema,
    status: 202,
  },
  remove: {
    method: 'DELETE',
    path: '/pins/:requestid',
    scope: 'pin',
    summary: 'End a request; with the last one of a CID that was pinned for requests, the CID is unpinned',
    params: requestId,
    status: 202,
  },
  issueJwt: {
    method: 'POST',
    path: '/token',
    scope: 'read',
    summary: 'A JSON Web Token for the user who asks, to send as `Authorization: Bearer`',
    reply: objectSchema({ token: textSchema() }),
  },
  health: {
    method: 'GET',
    path: '/health',
    scope: 'open',
    summary: 'Whether this peer answers; needs no credentials',
  },
} as const satisfies Readonly<Record<string, PinSvcRoute>>
