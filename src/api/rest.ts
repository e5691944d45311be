import assert from 'node:assert'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Cluster, LogFields } from '../interfaces.ts'
import type { Clock } from '../lib/clock.ts'
import type { EventJson } from '../model/event-json.ts'
import type { Caller } from './auth.ts'
import { note, noteAnswers, noteDocuments } from './auth-audit.ts'
import type { BulkAnswers } from './bulk-handlers.ts'
import { sendBulk } from './bulk-reply.ts'
import type { RestApiConfig } from './config.ts'
import { type CallerOptions, type HandlerParts, restHandlers } from './handlers.ts'
import { addRoute, type HttpApi, type HttpParts, type HttpServer, openHttpApi, readJson } from './http-app.ts'
import { sendEvents } from './insight/event-reply.ts'
import { ListingPlaces } from './listing-places.ts'
import { refuseMethod } from './paths.ts'
import { parseAddRequest, type Query } from './query.ts'
import {
  type ReplyContext,
  sendDocument,
  sendFixed,
  sendStream,
  sendUpload,
  toFixedBytes,
} from './replies.ts'
import { type Route, type Routes, routes } from './routes.ts'
import { limitCluster } from './tokens/limit-cluster.ts'

/** What the REST API asks and tells. */
export interface RestApiComponents extends HttpParts {
  readonly cluster: Cluster
}

/** A REST API that listens. */
export type RestApi = HttpApi

/**
 * Serves the table of routes on every configured address. Throws `CONFLICT` when an address is in use and
 * `CONFIG_INVALID` when one cannot be listened on.
 */
export function openRestApi(components: RestApiComponents, config: RestApiConfig): Promise<RestApi> {
  return openHttpApi(components, config, {
    title: 'REST API',
    setting: 'api.restapi.http_listen_multiaddress',
    refuseMethod,
    addRoutes: server => addRoutes(server, components),
  })
}

type AnyHandler = (input: unknown, options: CallerOptions) => unknown

/** The handlers of a request: those of all, unless pins or bytes of its caller are counted. */
function handlersFor(components: HandlerParts): (caller: Caller) => Readonly<Record<string, AnyHandler>> {
  // Each handler has the type of its own row; they are called with what the row says.
  const make = (cluster: Cluster) =>
    restHandlers({ ...components, cluster }) as unknown as Readonly<Record<string, AnyHandler>>
  const unlimited = make(components.cluster)
  return ({ quota }) =>
    quota?.isCounted === true ? make(limitCluster(components.cluster, quota)) : unlimited
}

function addRoutes(server: HttpServer, components: RestApiComponents): void {
  const { gate, context } = server
  const { clock } = components
  const places = new ListingPlaces(clock)
  const handlersOf = handlersFor({ ...components, gate })
  for (const name of Object.keys(routes) as (keyof Routes)[]) {
    const route: Route = routes[name]
    const answer = answererOf(route, { context, clock, places })
    for (const url of urlsOf(route)) {
      const { method, scope } = route
      addRoute(server, { name, method, url, scope }, async (request, reply, { signal, caller }) => {
        const handle = handlersOf(caller)[name]
        assert.ok(handle, `route ${name} has a handler`)
        await answer(request, reply, input => handle(input, { signal, caller }), signal)
      })
    }
  }
}

/** A variable that may be only one of three words is three routes. */
function urlsOf(route: Route): readonly string[] {
  if (!route.path.includes(':keyType')) return [route.path]
  return ['ipfs', 'ipns', 'ipld'].map(type => route.path.replace(':keyType', type))
}

interface AnswerParts {
  readonly context: ReplyContext
  readonly clock: Clock
  readonly places: ListingPlaces
}

type Handle = (input: unknown) => unknown
type Answerer = (
  request: FastifyRequest,
  reply: FastifyReply,
  handle: Handle,
  signal: AbortSignal,
) => Promise<void>

/** Listings of pins that may be of any length. */
const LONG: ReadonlySet<Route> = new Set<Route>([
  routes.allocations,
  routes.statuses,
  routes.exportState,
  routes.recoverAll,
])
/** Pages of so many pins are no more than what is held of a long listing. */
const SHORT_PAGE = 128

/** Whether an answer may be so long that it needs a place. */
function isLong(route: Route, { cids = '', limit = '' }: Query): boolean {
  return LONG.has(route) && cids === '' && (limit === '' || Number(limit) > SHORT_PAGE)
}

function answererOf(route: Route, { context, clock, places }: AnswerParts): Answerer {
  if (route.body === 'upload') {
    return async (request, reply, handle, signal) => {
      const query = request.query as Query
      const { isStreamed, params } = parseAddRequest(query, clock.now())
      const add = (entries: unknown) =>
        noteDocuments(request.raw, handle({ query, entries }) as AsyncIterable<unknown>)
      const upload = { add, isStreamed, isEmptyAllowed: params.wrapWithDirectory }
      await sendUpload(reply, upload, signal, context)
    }
  }
  if (route.body === 'lines') {
    return async (request, reply, handle, signal) => {
      const answer = (lines: unknown) =>
        noteAnswers(request.raw, handle({ query: request.query, lines }) as BulkAnswers)
      await sendBulk(reply, answer, signal, context)
    }
  }
  if (route.isEvents === true) {
    return async (request, reply, handle, signal) => {
      const { query, ...rest } = toInput(request)
      const last = request.headers['last-event-id']
      // A browser that connects again says in the header where it was, whatever the address says.
      const place = typeof last === 'string' && last !== '' ? { after: last } : {}
      const events = handle({ ...rest, query: { ...(query as Query), ...place } })
      await sendEvents(reply, events as AsyncIterable<EventJson>, signal, context)
    }
  }
  if (route.streams === true) {
    return async (request, reply, handle, signal) => {
      // What is wrong with the question is told at once.
      const documents = handle(toInput(request)) as AsyncIterable<unknown>
      using place = isLong(route, request.query as Query) ? await places.take(signal) : undefined
      await sendStream(reply, documents, signal, context, place)
    }
  }
  if (route.isFixed === true) {
    const isPage = route.isPage === true
    let bytes: Buffer | undefined
    return async (_request, reply, handle) => {
      bytes ??= toFixedBytes(await handle({}))
      sendFixed(reply, { bytes, isPage }, context)
    }
  }
  const readBody = async (request: FastifyRequest) => {
    const body = await readJson(request, context)
    note(request.raw, subjectOf(body))
    return body
  }
  return async (request, reply, handle) => {
    const input = toInput(request)
    const document = await handle(
      route.body === undefined ? input : { ...input, body: await readBody(request) },
    )
    sendDocument(reply, document, context)
  }
}

/** What a document of a request is about, for the audit line. */
function subjectOf(body: unknown): LogFields {
  const { peer_id: peer, name, scope } = (body ?? {}) as Readonly<Record<string, unknown>>
  const texts = Object.entries({ peer, token: name, scope }).filter(([, value]) => typeof value === 'string')
  return Object.fromEntries(texts.map(([key, value]) => [key, String(value).slice(0, 100)]))
}

function toInput(request: FastifyRequest): { readonly params: unknown; readonly query: unknown } {
  const params = request.params as Readonly<Record<string, string>>
  if (!('*' in params)) return { params, query: request.query }
  const keyType = request.routeOptions.url?.split('/')[2] ?? ''
  return { params: { keyType, path: params['*'] }, query: request.query }
}
