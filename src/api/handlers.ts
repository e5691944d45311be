import { ClusterError, messageOf } from '../errors.ts'
import type { Cluster, Options } from '../interfaces.ts'
import type { Clock } from '../lib/clock.ts'
import { mapPages } from '../lib/pages.ts'
import { inParallel } from '../lib/parallel.ts'
import { toAddedJson } from '../model/add-json.ts'
import { toAlertJson } from '../model/alert-json.ts'
import { type Cid, parseCid } from '../model/cid.ts'
import type { RepoGc } from '../model/graph.ts'
import { toConnectGraphJson, toGlobalRepoGcJson } from '../model/graph-json.ts'
import { toMetricJson } from '../model/metric-json.ts'
import { parsePeerId } from '../model/peer.ts'
import { toPeerJson } from '../model/peer-json.ts'
import type { Pin, PinOptions } from '../model/pin.ts'
import { type PinJson, toPinJson, toSubmittedPinJson } from '../model/pin-json.ts'
import { parseStatusFilter } from '../model/pin-status.ts'
import { type GlobalPinInfoJson, toGlobalPinInfoJson } from '../model/status-json.ts'
import type { Caller, Gate } from './auth.ts'
import { bulkHandlers } from './bulk-handlers.ts'
import { docsHandlers } from './docs/docs-handlers.ts'
import { insightHandlers } from './insight/insight-handlers.ts'
import { parseRecoverFilter } from './insight/recover-filter.ts'
import { peerCareHandlers } from './peer-care/peer-care-handlers.ts'
import { parsePinRange } from './pin-range.ts'
import { parseAddRequest, parseCidList, parseIpfsPath, parsePinOptions, toQuery } from './query.ts'
import type { Handlers, Routes } from './routes.ts'
import { tokenHandlers } from './tokens/token-handlers.ts'
import type { Tokens } from './tokens/tokens.ts'
import { trustHandlers } from './trust-handlers.ts'

/** Questions about single CIDs that are under way at a time for one list of CIDs. */
const STATUSES_AT_A_TIME = 16

/** What the answers to routes are made of. */
export interface HandlerParts {
  readonly cluster: Cluster
  readonly clock: Clock
  readonly tokens: Tokens
  readonly gate: Gate
}

/** Goes last into every handler. */
export interface CallerOptions extends Options {
  readonly caller: Caller
}

/** What the server answers to each route. Input is as it stands in the URL; bad input throws `INVALID_ARGUMENT`. */
export function restHandlers({
  cluster,
  clock,
  tokens,
  gate,
}: HandlerParts): Handlers<Routes, CallerOptions> {
  return {
    ...docsHandlers(),
    ...tokenHandlers(tokens, gate),
    ...peerHandlers(cluster),
    ...pinsetHandlers(cluster, clock),
    ...bulkHandlers(cluster, clock),
    ...trustHandlers(cluster),
    ...peerCareHandlers(cluster, clock),
    ...statusHandlers(cluster, clock),
    ...insightHandlers(cluster, clock),
    ...healthHandlers(cluster),
    add(input, options) {
      const request = parseAddRequest(toQuery(input.query), clock.now())
      if (request.isSharded)
        throw new ClusterError('REFUSED', 'sharding is not supported: leave out shard=true')
      return map(cluster.add(input.entries, request.params, request.options, options), toAddedJson)
    },
  }
}

type Part<Names extends keyof Routes> = Pick<Handlers<Routes, Options>, Names>

function peerHandlers(
  cluster: Cluster,
): Part<'id' | 'version' | 'peers' | 'addPeer' | 'health' | 'bandwidth'> {
  return {
    id: async (_input, options) => toPeerJson(await cluster.id(options)),
    version: async () => ({ version: cluster.version }),
    peers: (_input, options) => map(cluster.peers(options), toPeerJson),
    async addPeer({ body }, options) {
      const text: unknown = body?.peer_id
      if (typeof text !== 'string') throw new ClusterError('INVALID_ARGUMENT', 'error decoding peer_id')
      return toPeerJson(await cluster.addPeer(parseBodyPeer(text), options))
    },
    health: async () => undefined,
    bandwidth: async () => ({}),
  }
}

function parseBodyPeer(text: string): string {
  try {
    return parsePeerId(text)
  } catch (cause) {
    throw new ClusterError('INVALID_ARGUMENT', 'error decoding peer_id', { cause })
  }
}

function pinsetHandlers(
  cluster: Cluster,
  clock: Clock,
): Part<'allocations' | 'allocation' | 'pin' | 'pinPath' | 'unpin' | 'unpinPath'> {
  const optionsOf = (query: object | undefined) => parsePinOptions(toQuery(query), clock.now())
  const pin = async (cid: Cid, wanted: PinOptions, { signal }: Options) =>
    toPinnedJson(await cluster.pin(cid, { ...wanted, signal }), wanted)
  return {
    allocations: ({ query }, options) =>
      map(cluster.allocations(parsePinRange(toQuery(query), clock.now()), options), toPinJson),
    async allocation({ params, query }) {
      const cid = parseCid(params.hash)
      optionsOf(query)
      return toPinJson(await cluster.allocation(cid))
    },
    pin: async ({ params, query }, options) => pin(parseCid(params.hash), optionsOf(query), options),
    async pinPath({ params, query }, options) {
      const { path, cid } = parseIpfsPath(params.keyType, params.path)
      const wanted = optionsOf(query)
      if (cid !== undefined) return pin(cid, wanted, options)
      return toPinnedJson(await cluster.pinPath(path, { ...wanted, signal: options.signal }), wanted)
    },
    async unpin({ params, query }, options) {
      const cid = parseCid(params.hash)
      optionsOf(query)
      return toPinJson(await cluster.unpin(cid, options))
    },
    async unpinPath({ params, query }, options) {
      const { path, cid } = parseIpfsPath(params.keyType, params.path)
      optionsOf(query)
      return toPinJson(
        await (cid === undefined ? cluster.unpinPath(path, options) : cluster.unpin(cid, options)),
      )
    },
  }
}

/** A pin made from another one is answered as it is stored, every other as it was submitted. */
function toPinnedJson(pin: Pin, wanted: PinOptions): PinJson {
  const isUpdate = wanted.pinUpdate !== undefined && !wanted.pinUpdate.equals(pin.cid)
  return isUpdate ? toPinJson(pin) : toSubmittedPinJson(pin)
}

function statusHandlers(
  cluster: Cluster,
  clock: Clock,
): Part<'statuses' | 'status' | 'recover' | 'recoverAll' | 'gc'> {
  /** Only the text "true" asks for this peer alone. */
  const scopeOf = (query: { readonly local?: string } | undefined, { signal }: Options) => ({
    local: query?.local === 'true',
    signal,
  })
  return {
    statuses({ query }, options) {
      const scope = scopeOf(query, options)
      const toJson = (info: Parameters<typeof toGlobalPinInfoJson>[0]) =>
        toGlobalPinInfoJson(info, scope.local)
      const cids = query?.cids ?? ''
      if (cids !== '')
        return statusesOf(parseCidList(cids), async cid => toJson(await cluster.status(cid, scope)))
      // Here `filter` is for states.
      const range = parsePinRange({ ...toQuery(query), filter: '' }, clock.now())
      return map(cluster.statuses(parseStatusFilter(query?.filter ?? ''), { ...scope, range }), toJson)
    },
    async status({ params, query }, options) {
      const cid = parseCid(params.hash)
      parsePinOptions(toQuery(query), clock.now())
      const scope = scopeOf(query, options)
      return toGlobalPinInfoJson(await cluster.status(cid, scope), scope.local)
    },
    async recover({ params, query }, options) {
      const cid = parseCid(params.hash)
      parsePinOptions(toQuery(query), clock.now())
      const scope = scopeOf(query, options)
      return toGlobalPinInfoJson(await cluster.recover(cid, scope), scope.local)
    },
    recoverAll({ query }, options) {
      const scope = scopeOf(query, options)
      const filter = parseRecoverFilter(toQuery(query))
      const chosen = filter === undefined ? scope : { ...scope, filter }
      return map(cluster.recoverAll(chosen), info => toGlobalPinInfoJson(info, scope.local))
    },
    async gc({ query }, options) {
      const results: RepoGc[] = []
      for await (const result of cluster.gc(scopeOf(query, options))) results.push(result)
      return toGlobalRepoGcJson(results)
    },
  }
}

/** States of single CIDs as they come; what failed is told at the end. */
async function* statusesOf(
  cids: readonly Cid[],
  ask: (cid: Cid) => Promise<GlobalPinInfoJson>,
): AsyncIterable<GlobalPinInfoJson> {
  const failures: unknown[] = []
  for await (const outcome of inParallel(cids, STATUSES_AT_A_TIME, ask)) {
    if ('value' in outcome) yield outcome.value
    else failures.push(outcome.thrown)
  }
  if (failures.length === 1) throw failures[0]
  if (failures.length > 1)
    throw new ClusterError('INTERNAL', failures.map(messageOf).join('; '), { cause: failures })
}

function healthHandlers(cluster: Cluster): Part<'graph' | 'alerts' | 'metrics' | 'metricNames'> {
  return {
    graph: async (_input, options) => toConnectGraphJson(await cluster.graph(options)),
    alerts: async () => cluster.alerts().map(toAlertJson),
    metrics: async ({ params }) => cluster.metrics(params.name).map(toMetricJson),
    metricNames: async () => cluster.metricNames(),
  }
}

function map<From, To>(source: AsyncIterable<From>, convert: (item: From) => To): AsyncIterable<To> {
  return mapPages(source, page => page.map(convert))
}
