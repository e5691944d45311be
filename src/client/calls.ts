import type { Routes } from '../api/routes.ts'
import { ClusterError } from '../errors.ts'

type Asked = {
  readonly [Name in keyof Routes]?: `${Routes[Name]['method']} ${Routes[Name]['path']}`
}

/**
 * Method and path of every route, checked against the table of routes when this is compiled. The table itself stays out:
 * it would bring the schemas of all documents into every page that uses the client.
 */
export const calls = {
  id: 'GET /id',
  version: 'GET /version',
  peers: 'GET /peers',
  addPeer: 'POST /peers',
  removePeer: 'DELETE /peers/:peer',
  knownPeers: 'GET /health/peers',
  peerContent: 'GET /peers/:peer/content',
  cordonPeer: 'POST /peers/:peer/cordon',
  uncordonPeer: 'POST /peers/:peer/uncordon',
  drainPeer: 'POST /peers/:peer/drain',
  maintainPeer: 'POST /peers/:peer/maintenance',
  endMaintenance: 'DELETE /peers/:peer/maintenance',
  rebalancePlan: 'GET /rebalance/plan',
  rebalances: 'GET /rebalance',
  startRebalance: 'POST /rebalance',
  stopRebalance: 'DELETE /rebalance',
  replication: 'GET /health/replication',
  add: 'POST /add',
  allocations: 'GET /allocations',
  allocation: 'GET /allocations/:hash',
  statuses: 'GET /pins',
  pinMany: 'POST /pins',
  unpinMany: 'DELETE /pins',
  exportState: 'GET /state/export',
  importState: 'POST /state/import',
  trust: 'GET /trust',
  trustPeer: 'POST /trust',
  distrustPeer: 'DELETE /trust/:peer',
  tokens: 'GET /tokens',
  createToken: 'POST /tokens',
  revokeToken: 'DELETE /tokens/:name',
  pinset: 'GET /pinset',
  pinsets: 'GET /pinset/peers',
  summary: 'GET /pins/summary',
  why: 'GET /pins/:hash/why',
  explainAllocation: 'GET /allocations/:hash/explain',
  events: 'GET /events',
  recover: 'POST /pins/:hash/recover',
  recoverAll: 'POST /pins/recover',
  status: 'GET /pins/:hash',
  pin: 'POST /pins/:hash',
  pinPath: 'POST /pins/:keyType/*',
  unpin: 'DELETE /pins/:hash',
  unpinPath: 'DELETE /pins/:keyType/*',
  gc: 'POST /ipfs/gc',
  graph: 'GET /health/graph',
  alerts: 'GET /health/alerts',
  bandwidth: 'GET /health/bandwidth',
  metrics: 'GET /monitor/metrics/:name',
  metricNames: 'GET /monitor/metrics',
  issueJwt: 'POST /token',
  openapi: 'GET /openapi.json',
  health: 'GET /health',
} as const satisfies Asked

/** Name of a route, as in `operationId` of the OpenAPI document. */
export type CallName = keyof typeof calls

type EventStream = {
  [Name in CallName]: Routes[Name] extends { readonly isEvents: true } ? Name : never
}[CallName]
/** What is answered with server-sent events. */
export const EVENT_STREAMS: ReadonlySet<string> = new Set(['events'] satisfies EventStream[])

/** What may be lost when it is done twice, or is not the same twice: it goes to one peer, once. */
export const ONCE: ReadonlySet<CallName> = new Set(['add', 'createToken'])

/** What fills the variables of a path, and what stands behind it: texts by their names. */
export interface Target {
  readonly params?: object
  readonly query?: object
}

/** Method, path and query of a call. Throws `INVALID_ARGUMENT` for a path that is not below that of the call. */
export function targetOf(name: CallName, target: Target): { readonly method: string; readonly path: string } {
  const [method = '', pattern = ''] = calls[name].split(' ', 2)
  const params = new Map(textsOf(target.params))
  const path = pattern
    .replace(/:(\w+)/g, (_, key: string) => toSegment(params.get(key) ?? ''))
    .replace('*', () => (params.get('path') ?? '').split('/').map(toSegment).join('/'))
  const said = textsOf(target.query)
  return { method, path: said.length === 0 ? path : `${path}?${new URLSearchParams(said).toString()}` }
}

/** `fetch` goes up at two dots, also when they are percent-encoded: to pin a path could become to remove a peer. */
function toSegment(text: string): string {
  if (text === '.' || text === '..')
    throw new ClusterError('INVALID_ARGUMENT', `"${text}" cannot be a part of a path`)
  return encodeURIComponent(text)
}

function textsOf(values: object | undefined): [string, string][] {
  const entries: [string, unknown][] = Object.entries(values ?? {})
  return entries.filter(([, value]) => value !== undefined).map(([key, value]) => [key, String(value)])
}
