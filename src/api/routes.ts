import {
  choiceSchema,
  dictionarySchema,
  type JsonSchema,
  listSchema,
  numberSchema,
  objectSchema,
  textSchema,
  type ValueOf,
} from '../lib/json-schema.ts'
import type { AddEntry } from '../model/add.ts'
import { addedJsonSchema } from '../model/add-json.ts'
import { alertJsonSchema } from '../model/alert-json.ts'
import { bulkAnswerJsonSchema } from '../model/bulk-json.ts'
import { connectGraphJsonSchema, globalRepoGcJsonSchema } from '../model/graph-json.ts'
import { metricJsonSchema } from '../model/metric-json.ts'
import { peerJsonSchema } from '../model/peer-json.ts'
import { pinJsonSchema } from '../model/pin-json.ts'
import { pinsetJsonSchema, trustJsonSchema } from '../model/pinset-json.ts'
import { globalPinInfoJsonSchema } from '../model/status-json.ts'
import type { AccessScope } from '../model/token.ts'
import { docsRoutes } from './docs/docs-routes.ts'
import { insightRoutes } from './insight/insight-routes.ts'
import { peerCareRoutes } from './peer-care/peer-care-routes.ts'
import {
  addQuerySchema,
  allocationsQuerySchema,
  bulkPinQuerySchema,
  bulkQuerySchema,
  exportQuerySchema,
  importQuerySchema,
  localQuerySchema,
  pinQuerySchema,
  recoverQuerySchema,
  statusesQuerySchema,
} from './query-schema.ts'
import { jwtRoutes, tokenRoutes } from './tokens/token-routes.ts'

/** One row of the table: what is asked, and what the answer is. */
export interface Route {
  readonly method: 'GET' | 'POST' | 'DELETE'
  /** `:name` is one segment, `*` the rest of the path (parameter `path`). */
  readonly path: string
  /** What the caller must be allowed to do; `open` = needs no credentials. */
  readonly scope: AccessScope | 'open'
  readonly summary: string
  readonly params?: JsonSchema<Readonly<Record<string, string>>>
  readonly query?: JsonSchema<object>
  /** What the request carries: a JSON document, files as multipart, or documents one a line. */
  readonly body?: JsonSchema<unknown> | 'upload' | 'lines'
  /** The document of the answer, or one of the documents when the answer streams; absent = 204. */
  readonly reply?: JsonSchema<unknown>
  readonly streams?: true
  /** The documents come as server-sent events. */
  readonly isEvents?: true
  /** The answer is HTML. */
  readonly isPage?: true
  /** The answer is the same to everybody as long as the process lives. */
  readonly isFixed?: true
}

/** Written like a boolean; the value here is its text. */
const forceSchema: JsonSchema<string> = { type: 'boolean', description: 'also one that is alive' }
const hash = objectSchema({ hash: textSchema('CID') })
const ipfsPath = objectSchema({
  keyType: choiceSchema(['ipfs', 'ipns', 'ipld']),
  path: textSchema('what follows /ipfs/'),
})
const bandwidthJsonSchema = objectSchema({
  total_in: numberSchema,
  total_out: numberSchema,
  rate_in: numberSchema,
  rate_out: numberSchema,
})

/**
 * The REST API: name → request and answer. Server and client are typed by it. The order is that of the reference, whose
 * choice between 404 and 405 for a wrong method depends on it.
 */
export const routes = {
  id: {
    method: 'GET',
    path: '/id',
    scope: 'read',
    summary: 'What this peer says of itself',
    reply: peerJsonSchema,
  },
  version: {
    method: 'GET',
    path: '/version',
    scope: 'read',
    summary: 'The version of this peer',
    reply: objectSchema({ version: textSchema() }),
  },
  peers: {
    method: 'GET',
    path: '/peers',
    scope: 'read',
    summary:
      'What every peer says of itself; those that do not answer, are unreachable or gone come last with `error`',
    reply: peerJsonSchema,
    streams: true,
  },
  addPeer: {
    method: 'POST',
    path: '/peers',
    scope: 'admin',
    summary: 'Learn about a peer',
    body: objectSchema({ peer_id: textSchema('peer id') }),
    reply: peerJsonSchema,
  },
  removePeer: {
    method: 'DELETE',
    path: '/peers/:peer',
    scope: 'admin',
    summary:
      'Take a peer out of the cluster: its content moves to others at once. One that is alive and keeps content is refused',
    params: objectSchema({ peer: textSchema('peer id') }),
    query: objectSchema({}, { force: forceSchema }),
  },
  add: {
    method: 'POST',
    path: '/add',
    scope: 'pin',
    summary: 'Add files and pin their root',
    query: addQuerySchema,
    body: 'upload',
    reply: addedJsonSchema,
    streams: true,
  },
  allocations: {
    method: 'GET',
    path: '/allocations',
    scope: 'read',
    summary:
      'The pinset as it is when the listing begins, in the order of the bytes of the CIDs. By pages: `limit`, and for the ' +
      'next page `after` with the last CID; a page with fewer than `limit` entries is the last, and one without any is ' +
      'answered with 204. Also by metadata: `meta-<key>=<value>`, of which all must be there',
    query: allocationsQuerySchema,
    reply: pinJsonSchema,
    streams: true,
  },
  allocation: {
    method: 'GET',
    path: '/allocations/:hash',
    scope: 'read',
    summary: 'One entry of the pinset',
    params: hash,
    query: pinQuerySchema,
    reply: pinJsonSchema,
  },
  statuses: {
    method: 'GET',
    path: '/pins',
    scope: 'read',
    summary: 'The state of pins on every peer',
    query: statusesQuerySchema,
    reply: globalPinInfoJsonSchema,
    streams: true,
  },
  pinMany: {
    method: 'POST',
    path: '/pins',
    scope: 'pin',
    summary:
      'Pin many: a pin a line, as JSON with `cid` and what the query could say of all (`name`, `mode`, `replication`, ' +
      '`replication_factor_min`, `replication_factor_max`, `user_allocations`, `expire_at`, `expire_in`, `metadata`, ' +
      '`pin_update`, `origins`), a line of a listing or export, or a bare CID. Send it as `application/x-ndjson`, of any ' +
      'length. Each line is answered, in order, when it is on disk: `{"line":1,"cid":"…","status":"pinned"}`, or ' +
      '`unchanged`, or `error` with `error`. `stopped` means that this line and the rest were not done',
    query: bulkPinQuerySchema,
    body: 'lines',
    reply: bulkAnswerJsonSchema,
    streams: true,
  },
  unpinMany: {
    method: 'DELETE',
    path: '/pins',
    scope: 'pin',
    summary:
      'Unpin many: lines and answers as in `POST /pins`, of which only the CID matters. The status is `removed`, or ' +
      '`absent` for what was not pinned',
    query: bulkQuerySchema,
    body: 'lines',
    reply: bulkAnswerJsonSchema,
    streams: true,
  },
  exportState: {
    method: 'GET',
    path: '/state/export',
    scope: 'read',
    summary: 'Every entry of the pinset, as `cluster-service state export` writes it',
    query: exportQuerySchema,
    reply: pinJsonSchema,
    streams: true,
  },
  importState: {
    method: 'POST',
    path: '/state/import',
    scope: 'admin',
    summary:
      'Write the entries of an export into the pinset, with their types, peers and times; other entries stay. Lines and ' +
      'answers as in `POST /pins`',
    query: importQuerySchema,
    body: 'lines',
    reply: bulkAnswerJsonSchema,
    streams: true,
  },
  trust: {
    method: 'GET',
    path: '/trust',
    scope: 'read',
    summary:
      'Whose writes this peer accepts: as configured, what was changed while running (which outweighs it), and whether the ' +
      'cluster trusts this peer',
    reply: trustJsonSchema,
  },
  trustPeer: {
    method: 'POST',
    path: '/trust',
    scope: 'admin',
    summary: 'Accept what a peer writes, from now on and on every peer; answers as `GET /trust`',
    body: objectSchema({ peer_id: textSchema('peer id') }),
    reply: trustJsonSchema,
  },
  distrustPeer: {
    method: 'DELETE',
    path: '/trust/:peer',
    scope: 'admin',
    summary:
      'Refuse what a peer writes, from now on and on every peer; what it wrote before stays. Answers as `GET /trust`',
    params: objectSchema({ peer: textSchema('peer id') }),
    reply: trustJsonSchema,
  },
  ...tokenRoutes,
  pinset: {
    method: 'GET',
    path: '/pinset',
    scope: 'read',
    summary: 'How many pins this peer has, their digest, whether it is behind, read-only or not trusted',
    reply: pinsetJsonSchema,
  },
  pinsets: {
    method: 'GET',
    path: '/pinset/peers',
    scope: 'read',
    summary: 'The same of every peer; those that do not answer come last with `error`',
    reply: pinsetJsonSchema,
    streams: true,
  },
  ...insightRoutes,
  ...peerCareRoutes,
  recover: {
    method: 'POST',
    path: '/pins/:hash/recover',
    scope: 'pin',
    summary: 'Try again what is in error for one CID',
    params: hash,
    query: localQuerySchema,
    reply: globalPinInfoJsonSchema,
  },
  recoverAll: {
    method: 'POST',
    path: '/pins/recover',
    scope: 'pin',
    summary: 'Try again what is in error or missing',
    query: recoverQuerySchema,
    reply: globalPinInfoJsonSchema,
    streams: true,
  },
  status: {
    method: 'GET',
    path: '/pins/:hash',
    scope: 'read',
    summary: 'The state of one CID on every peer',
    params: hash,
    query: localQuerySchema,
    reply: globalPinInfoJsonSchema,
  },
  pin: {
    method: 'POST',
    path: '/pins/:hash',
    scope: 'pin',
    summary: 'Pin a CID',
    params: hash,
    query: pinQuerySchema,
    reply: pinJsonSchema,
  },
  pinPath: {
    method: 'POST',
    path: '/pins/:keyType/*',
    scope: 'pin',
    summary: 'Pin what a path leads to',
    params: ipfsPath,
    query: pinQuerySchema,
    reply: pinJsonSchema,
  },
  unpin: {
    method: 'DELETE',
    path: '/pins/:hash',
    scope: 'pin',
    summary: 'Unpin a CID',
    params: hash,
    query: pinQuerySchema,
    reply: pinJsonSchema,
  },
  unpinPath: {
    method: 'DELETE',
    path: '/pins/:keyType/*',
    scope: 'pin',
    summary: 'Unpin what a path leads to',
    params: ipfsPath,
    query: pinQuerySchema,
    reply: pinJsonSchema,
  },
  gc: {
    method: 'POST',
    path: '/ipfs/gc',
    scope: 'admin',
    summary: 'Collect garbage on the IPFS nodes',
    query: localQuerySchema,
    reply: globalRepoGcJsonSchema,
  },
  graph: {
    method: 'GET',
    path: '/health/graph',
    scope: 'read',
    summary: 'Who is connected to whom',
    reply: connectGraphJsonSchema,
  },
  alerts: {
    method: 'GET',
    path: '/health/alerts',
    scope: 'read',
    summary: 'What somebody should know of, newest first: what holds, and the last of what was cleared',
    reply: listSchema(alertJsonSchema),
  },
  bandwidth: {
    method: 'GET',
    path: '/health/bandwidth',
    scope: 'read',
    summary: 'Traffic by protocol; empty where it is not measured',
    reply: dictionarySchema(bandwidthJsonSchema),
  },
  metrics: {
    method: 'GET',
    path: '/monitor/metrics/:name',
    scope: 'read',
    summary: 'The latest metrics of a name, one a peer',
    params: objectSchema({ name: textSchema() }),
    reply: listSchema(metricJsonSchema),
  },
  metricNames: {
    method: 'GET',
    path: '/monitor/metrics',
    scope: 'read',
    summary: 'Names of all metrics',
    reply: listSchema(textSchema()),
  },
  ...jwtRoutes,
  ...docsRoutes,
  health: {
    method: 'GET',
    path: '/health',
    scope: 'open',
    summary: 'Whether this peer answers; needs no credentials',
  },
} as const satisfies Readonly<Record<string, Route>>

/** The table of routes. */
export type Routes = typeof routes

type ParamsOf<R> = R extends { readonly params: JsonSchema<infer Params> }
  ? { readonly params: Params }
  : unknown
type QueryOf<R> = R extends { readonly query: JsonSchema<infer Query> } ? { readonly query?: Query } : unknown
type BodyOf<R> = R extends { readonly body: infer Body }
  ? Body extends 'upload'
    ? { readonly entries: AsyncIterable<AddEntry> }
    : Body extends 'lines'
      ? { readonly lines: AsyncIterable<Uint8Array> }
      : { readonly body: ValueOf<Body> }
  : unknown

/** What a call of a route needs. */
export type InputOf<R> = ParamsOf<R> & QueryOf<R> & BodyOf<R>

/** The document that a route answers with. */
export type ReplyOf<R> = R extends { readonly reply: JsonSchema<infer Reply> } ? Reply : void

/** A function that answers a route, or one that asks it. */
export type Handler<R, CallOptions> = (
  input: InputOf<R>,
  options: CallOptions,
) => R extends { readonly streams: true } ? AsyncIterable<ReplyOf<R>> : Promise<ReplyOf<R>>

/** A function for each route: the server implements them, the client offers them. */
export type Handlers<Table, CallOptions> = {
  readonly [Name in keyof Table]: Handler<Table[Name], CallOptions>
}
