import { type JsonSchema, objectSchema, textSchema } from '../../lib/json-schema.ts'
import { docsRoutes } from '../docs/docs-routes.ts'
import type { Route } from '../routes.ts'
import {
  listQuerySchema,
  pinResultsJsonSchema,
  pinStatusJsonSchema,
  wantedJsonSchema,
} from './request-schema.ts'

/** One row of the table: as in the REST API, and the status of an answer that is neither 200 nor 204. */
export interface PinSvcRoute extends Omit<Route, 'body' | 'streams'> {
  readonly body?: JsonSchema<unknown>
  readonly status?: 202
}

const requestId = objectSchema({ requestid: textSchema('as it was answered') })

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
    query: listQuerySchema,
    reply: pinResultsJsonSchema,
  },
  add: {
    method: 'POST',
    path: '/pins',
    scope: 'pin',
    summary: 'Ask for a CID to be pinned; any number of requests may ask for the same',
    body: wantedJsonSchema,
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
    body: wantedJsonSchema,
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
  openapi: docsRoutes.openapi,
} as const satisfies Readonly<Record<string, PinSvcRoute>>
