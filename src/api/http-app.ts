import http, { type RequestListener } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Meter } from '@opentelemetry/api'
import {
  fastify as createFastify,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  type RawRequestDefaultExpression as RawRequest,
} from 'fastify'
import { ClusterError, toClusterError, wasStopped } from '../errors.ts'
import type { Logger } from '../interfaces.ts'
import type { Clock } from '../lib/clock.ts'
import { makeInstruments } from '../lib/instruments.ts'
import type { AccessScope } from '../model/token.ts'
import { type Caller, callerOf, type Gate, makeGate } from './auth.ts'
import { makeAudit, noteFailure } from './auth-audit.ts'
import { isLocal } from './auth-exposure.ts'
import type { RestApiConfig } from './config.ts'
import type { CallerOptions } from './handlers.ts'
import { listenOnAll } from './listen.ts'
import { LiveRequests } from './live-requests.ts'
import { apiMetrics } from './metrics.ts'
import { type MethodRefuser, toRoutedUrl } from './paths.ts'
import { addPipeline, setHandling } from './pipeline.ts'
import { parseQuery } from './query.ts'
import { readText } from './read-lines.ts'
import { formatError, type ReplyContext, sendError } from './replies.ts'
import { readBody } from './request-body.ts'
import type { Tokens } from './tokens/tokens.ts'

/** What every API over HTTP is served with. */
export interface HttpParts {
  readonly tokens: Tokens
  /** Gets a line for every change. */
  readonly auditLogger: Logger
  readonly clock: Clock
  readonly logger: Logger
  readonly meter: Meter
}

/** An API that listens. */
export interface HttpApi extends AsyncDisposable {
  /** Multiaddrs with the ports that were really taken. */
  readonly addresses: readonly string[]
  /** Serves a connection that came another way; see `serveOverPeers`. */
  accept(connection: Duplex): void
}

/** In what one API differs from another. */
export interface HttpApiKind {
  /** For the log. */
  readonly title: string
  /** The setting to name when an address cannot be listened on. */
  readonly setting: string
  /** When a path that no route of the method takes is answered with 405 instead of 404. */
  readonly refuseMethod: MethodRefuser
  /** The document of an error, where it is not that of the REST API. */
  readonly formatError?: (error: ClusterError) => string
  readonly addRoutes: (server: HttpServer) => void
}

/** Where routes are added to. */
export interface HttpServer extends Pick<HttpParts, 'logger'> {
  readonly app: FastifyInstance
  readonly gate: Gate
  readonly context: ReplyContext
  readonly live: LiveRequests
}

/** How a route is found, and what its caller must be allowed to do. */
export interface HttpRoute {
  readonly name: string
  readonly method: 'GET' | 'POST' | 'DELETE'
  readonly url: string
  readonly scope: AccessScope | 'open'
}

/** Requests that are under way when the API is stopped get this long to end. */
const GRACE_MS = 1000
const BODY_BYTES_MAX = 64 * 1024
/** Who calls routes that need no credentials. */
const NOBODY: Caller = { kind: 'anonymous', name: '', scope: 'read', quota: undefined }

/**
 * Serves an API on every configured address: credentials, limits, cross-origin rules and the audit are the same for all.
 * Throws `CONFLICT` when an address is in use and `CONFIG_INVALID` when one cannot be listened on.
 */
export async function openHttpApi(
  parts: HttpParts,
  config: RestApiConfig,
  kind: HttpApiKind,
): Promise<HttpApi> {
  const { logger, clock } = parts
  const live = new LiveRequests()
  const context = toContext(clock, config, kind)
  const made = createApp(context)
  const { app } = made
  const gate = makeGate(parts, config.gate)
  const audit = makeAudit(parts.auditLogger, clock)
  const { cors } = config
  const { refuseMethod } = kind
  addPipeline(app, makeInstruments(parts.meter, apiMetrics), { gate, audit }, { cors, refuseMethod }, context)
  kind.addRoutes({ app, gate, context, live, logger })
  await app.ready()
  warnOfPlainText(config, logger)
  const listeners = await listenOnAll(
    { ...parts, formatWireError: kind.formatError ?? formatError },
    config,
    kind.setting,
    made.listener(),
  )
  logger.info(`${kind.title} listens`, { addresses: listeners.addresses })
  return {
    addresses: listeners.addresses,
    accept: connection => listeners.accept(connection),
    async [Symbol.asyncDispose]() {
      listeners.stopAccepting()
      await live.stop(clock, GRACE_MS)
      await listeners[Symbol.asyncDispose]()
      await app.close()
    },
  }
}

/** Answers a route. What `answer` throws becomes an error, or cuts an answer that has begun: the client sees that it is not whole. */
export function addRoute(
  { app, context, live, logger }: HttpServer,
  { name, method, url, scope }: HttpRoute,
  answer: (request: FastifyRequest, reply: FastifyReply, options: CallerOptions) => Promise<void>,
): void {
  const respond = async (request: FastifyRequest, reply: FastifyReply) => {
    const signal = live.open(reply.raw)
    limitTime(reply, context)
    try {
      const caller = scope === 'open' ? NOBODY : callerOf(request.raw)
      await answer(request, reply, { signal, caller })
    } catch (thrown) {
      noteFailure(request.raw, thrown)
      if (!wasStopped(thrown, signal)) logFailure(logger, name, thrown)
      if (reply.raw.headersSent) reply.raw.destroy()
      else if (!reply.raw.destroyed) sendError(reply, thrown, context)
    }
  }
  const handler = (request: FastifyRequest, reply: FastifyReply) =>
    setHandling(request.raw, respond(request, reply))
  app.route({ method, url, handler, config: { scope } })
}

/**
 * The JSON document that a request carries. Throws `INVALID_ARGUMENT`, `TOO_LARGE` beyond 64 KiB, or `TIMEOUT` when it has
 * not come whole within the idle time-out.
 */
export async function readJson(
  request: FastifyRequest,
  { clock, idleTimeoutMs }: ReplyContext,
): Promise<unknown> {
  const stop = new AbortController()
  using _limit = clock.schedule(idleTimeoutMs, () =>
    stop.abort(new ClusterError('TIMEOUT', `the body did not come within ${idleTimeoutMs / 1000} s`)),
  )
  const text = await readText(readBody(request.raw, stop.signal, { clock, idleTimeoutMs }), BODY_BYTES_MAX)
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new ClusterError('INVALID_ARGUMENT', 'error decoding request body', { cause })
  }
}

/** What the framework takes for the type of a body. */
const MEDIA_TYPE = /^[\w!#$%&'*+.^`|~-]+\/[\w!#$%&'*+.^`|~-]+\s*(;|$)/

function beforeRouting({ headers, method, url = '/' }: RawRequest): string {
  // The framework refuses types that it cannot read, also where the body does not matter.
  if (headers['content-type'] !== undefined && !MEDIA_TYPE.test(headers['content-type']))
    delete headers['content-type']
  // And this method without a type, before it sees that no route has it.
  if (method === 'QUERY') headers['content-type'] ??= 'application/octet-stream'
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
  throw new ClusterError('INTERNAL', 'routes have no schemas for the framework')
}

function toContext(clock: Clock, config: RestApiConfig, { formatError }: HttpApiKind): ReplyContext {
  const { idleTimeoutMs, writeTimeoutMs, headers } = config
  const context = { clock, idleTimeoutMs, writeTimeoutMs, headers }
  return formatError === undefined ? context : { ...context, formatError }
}

/** Passwords and tokens that others on the way can read deserve a word. */
function warnOfPlainText({ listen, tls, gate }: RestApiConfig, logger: Logger): void {
  const open = tls === undefined ? listen.find(address => !isLocal(address)) : undefined
  if (open === undefined || gate.basicAuth === undefined) return
  logger.warn(
    'passwords and tokens come here unencrypted: set ssl_cert_file and ssl_key_file, or use a proxy with TLS',
    { address: open.text },
  )
}

function limitTime(reply: FastifyReply, { clock, writeTimeoutMs }: ReplyContext): void {
  if (writeTimeoutMs === 0) return
  const limit = clock.schedule(writeTimeoutMs, () => reply.raw.destroy())
  reply.raw.once('close', () => limit[Symbol.dispose]())
}

function logFailure(logger: Logger, route: string, thrown: unknown): void {
  const error = toClusterError(thrown)
  const fields = { route, code: error.code, error: error.message }
  if (error.code === 'INTERNAL')
    logger.error('request failed', { ...fields, stack: error.stack, cause: error.cause })
  else logger.debug('request refused', fields)
}
