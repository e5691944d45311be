import assert from 'node:assert'
import http, { type RequestListener } from 'node:http'
import type { Meter } from '@opentelemetry/api'
import {
  fastify as createFastify,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  type RawRequestDefaultExpression as RawRequest,
} from 'fastify'
import { ClusterError, toClusterError, wasStopped } from '../errors.ts'
import type { Cluster, LogFields, Logger } from '../interfaces.ts'
import type { Clock } from '../lib/clock.ts'
import { makeInstruments } from '../lib/instruments.ts'
import { type Caller, callerOf, makeGate } from './auth.ts'
import { makeAudit, note, noteDocuments, noteFailure } from './auth-audit.ts'
import { isLocal } from './auth-exposure.ts'
import { sendBulk } from './bulk-reply.ts'
import type { RestApiConfig } from './config.ts'
import { type CallerOptions, type HandlerParts, restHandlers } from './handlers.ts'
import { listenOnAll } from './listen.ts'
import { LiveRequests } from './live-requests.ts'
import { apiMetrics } from './metrics.ts'
import { toRoutedUrl } from './paths.ts'
import { addPipeline } from './pipeline.ts'
import { parseAddRequest, parseQuery, type Query } from './query.ts'
import { readText } from './read-lines.ts'
import { type ReplyContext, sendDocument, sendError, sendPage, sendStream, sendUpload } from './replies.ts'
import { type Route, type Routes, routes } from './routes.ts'
import { limitCluster } from './tokens/limit-cluster.ts'
import type { Tokens } from './tokens/tokens.ts'

/** What the REST API asks and tells. */
export interface RestApiComponents {
  readonly cluster: Cluster
  readonly tokens: Tokens
  /** Gets a line for every change. */
  readonly auditLogger: Logger
  readonly clock: Clock
  readonly logger: Logger
  readonly meter: Meter
}

/** A REST API that listens. */
export interface RestApi extends AsyncDisposable {
  /** Multiaddrs with the ports that were really taken. */
  readonly addresses: readonly string[]
}

/** Requests that are under way when the API is stopped get this long to end. */
const GRACE_MS = 1000
const BODY_BYTES_MAX = 64 * 1024
const SETTING = 'api.restapi.http_listen_multiaddress'
/** Who calls routes that need no credentials. */
const NOBODY: Caller = { kind: 'anonymous', name: '', scope: 'read', quota: undefined }

/**
 * Serves the table of routes on every configured address. Throws `CONFLICT` when an address is in use and
 * `CONFIG_INVALID` when one cannot be listened on.
 */
export async function openRestApi(components: RestApiComponents, config: RestApiConfig): Promise<RestApi> {
  const { logger } = components
  const live = new LiveRequests()
  const context = toContext(components.clock, config)
  const made = createApp(context)
  const { app } = made
  const gate = makeGate(components, config.gate)
  const audit = makeAudit(components.auditLogger, components.clock)
  addPipeline(app, makeInstruments(components.meter, apiMetrics), { gate, audit }, config, context)
  addRoutes(app, { ...components, gate }, context, live)
  await app.ready()
  warnOfPlainText(config, logger)
  const listeners = await listenOnAll(components, config, SETTING, made.listener())
  logger.info('REST API listens', { addresses: listeners.addresses })
  return {
    addresses: listeners.addresses,
    async [Symbol.asyncDispose]() {
      listeners.stopAccepting()
      await live.stop(components.clock, GRACE_MS)
      await listeners[Symbol.asyncDispose]()
      await app.close()
    },
  }
}

function beforeRouting({ headers, url = '/' }: RawRequest): string {
  // The framework refuses types that it cannot read, also where the body does not matter.
  if (headers['content-type']?.includes('/') === false) delete headers['content-type']
  return toRoutedUrl(url)
}

interface App {
  readonly app: FastifyInstance
  readonly listener: () => RequestListener
}

function createApp(context: ReplyContext): App {
  let listener: RequestListener | undefined
  const app = createFastify({
    // The servers are our own, one for each address; this one never listens.
    serverFactory: onRequest => {
      listener = onRequest
      return http.createServer()
    },
    logger: false,
    frameworkErrors: (thrown, _request, reply) =>
      sendError(reply, new ClusterError('INVALID_ARGUMENT', thrown.message, { cause: thrown }), context),
    exposeHeadRoutes: false,
    // Nothing is checked by schema here; the framework's own compilers would cost a tenth of a second at every start.
    schemaController: { compilersFactory: { buildValidator: noCompiler, buildSerializer: noCompiler } },
    rewriteUrl: beforeRouting,
    routerOptions: { maxParamLength: 65_536, querystringParser: text => ({ ...parseQuery(text) }) },
  })
  app.removeAllContentTypeParsers()
  // Bodies are left on the connection: most routes have none, and an upload must not be held.
  app.addContentTypeParser('*', (_request, _payload, done) => done(null))
  return {
    app,
    listener: () => {
      if (listener === undefined) throw new ClusterError('INTERNAL', 'the HTTP framework gave no listener')
      return listener
    },
  }
}

function noCompiler(): never {
  throw new ClusterError('INTERNAL', 'routes of the REST API have no schemas for the framework')
}

function toContext(clock: Clock, config: RestApiConfig): ReplyContext {
  const { idleTimeoutMs, writeTimeoutMs, headers } = config
  return { clock, idleTimeoutMs, writeTimeoutMs, headers }
}

/** Passwords and tokens that others on the way can read deserve a word. */
function warnOfPlainText({ listen, tls, gate }: RestApiConfig, logger: Logger): void {
  const open = tls === undefined ? listen.find(address => !isLocal(address)) : undefined
  if (open === undefined || gate.basicAuth === undefined) return
  logger.warn(
    'passwords and tokens come here unencrypted: set ssl_cert_file and ssl_key_file, or use a proxy with TLS',
    {
      address: open.text,
    },
  )
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

function addRoutes(
  app: FastifyInstance,
  components: RestApiComponents & HandlerParts,
  context: ReplyContext,
  live: LiveRequests,
): void {
  const { clock, logger } = components
  const handlersOf = handlersFor(components)
  for (const name of Object.keys(routes) as (keyof Routes)[]) {
    const route: Route = routes[name]
    const answer = answererOf(route, context, clock)
    const respond = async (request: FastifyRequest, reply: FastifyReply) => {
      const signal = live.open(reply.raw)
      limitTime(reply, context)
      try {
        const caller = route.scope === 'open' ? NOBODY : callerOf(request.raw)
        const handle = handlersOf(caller)[name]
        assert.ok(handle, `route ${name} has a handler`)
        await answer(request, reply, input => handle(input, { signal, caller }), signal)
      } catch (thrown) {
        noteFailure(request.raw, thrown)
        if (!wasStopped(thrown, signal)) logFailure(logger, name, thrown)
        // An answer that has begun can only be cut; the client sees that it is not whole.
        if (reply.raw.headersSent) reply.raw.destroy()
        else if (!reply.raw.destroyed) sendError(reply, thrown, context)
      }
    }
    const handler = (request: FastifyRequest, reply: FastifyReply) => void respond(request, reply)
    for (const url of urlsOf(route))
      app.route({ method: route.method, url, handler, config: { scope: route.scope } })
  }
}

function limitTime(reply: FastifyReply, { clock, writeTimeoutMs }: ReplyContext): void {
  if (writeTimeoutMs === 0) return
  const limit = clock.schedule(writeTimeoutMs, () => reply.raw.destroy())
  reply.raw.once('close', () => limit[Symbol.dispose]())
}

/** A variable that may be only one of three words is three routes. */
function urlsOf(route: Route): readonly string[] {
  if (!route.path.includes(':keyType')) return [route.path]
  return ['ipfs', 'ipns', 'ipld'].map(type => route.path.replace(':keyType', type))
}

function logFailure(logger: Logger, route: string, thrown: unknown): void {
  const error = toClusterError(thrown)
  const fields = { route, code: error.code, error: error.message }
  if (error.code === 'INTERNAL')
    logger.error('request failed', { ...fields, stack: error.stack, cause: error.cause })
  else logger.debug('request refused', fields)
}

type Handle = (input: unknown) => unknown
type Answerer = (
  request: FastifyRequest,
  reply: FastifyReply,
  handle: Handle,
  signal: AbortSignal,
) => Promise<void>

function answererOf(route: Route, context: ReplyContext, clock: Clock): Answerer {
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
        noteDocuments(request.raw, handle({ query: request.query, lines }) as AsyncIterable<unknown>)
      await sendBulk(reply, answer, signal, context)
    }
  }
  if (route.streams === true) {
    return async (request, reply, handle, signal) => {
      const documents = handle(toInput(request)) as AsyncIterable<unknown>
      await sendStream(reply, documents, signal, context)
    }
  }
  return async (request, reply, handle) => {
    const input = toInput(request)
    const body = route.body === undefined ? undefined : await readJson(request, context)
    note(request.raw, subjectOf(body))
    const document = await handle(body === undefined ? input : { ...input, body })
    if (route.isPage === true) sendPage(reply, String(document))
    else sendDocument(reply, document, context)
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

async function readJson(request: FastifyRequest, { clock, idleTimeoutMs }: ReplyContext): Promise<unknown> {
  const source = request.raw
  using _limit = clock.schedule(idleTimeoutMs, () => source.destroy())
  const text = await readText(source.iterator({ destroyOnReturn: false }), BODY_BYTES_MAX)
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new ClusterError('INVALID_ARGUMENT', 'error decoding request body', { cause })
  }
}
