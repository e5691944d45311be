import type { IncomingMessage } from 'node:http'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { ClusterError, messageOf } from '../errors.ts'
import type { Instruments } from '../lib/instruments.ts'
import type { AccessScope } from '../model/token.ts'
import { authorise, type Gate, isRefusal, setCaller } from './auth.ts'
import type { Audit } from './auth-audit.ts'
import type { CorsConfig } from './config.ts'
import { corsPolicy } from './cors.ts'
import type { apiMetrics } from './metrics.ts'
import { type MethodRefuser, redirectOf, withoutHost } from './paths.ts'
import { type ReplyContext, sendError } from './replies.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** What the caller of a route must be allowed to do; `open` = anything. Absent where no route matches. */
    scope?: AccessScope | 'open'
  }
}

/** Who decides who may do what, and who writes it down. */
export interface Access {
  readonly gate: Gate
  readonly audit: Audit
}

const handlings = new WeakMap<IncomingMessage, Promise<void>>()

/** Says until when a request is worked on. The promise must not be rejected. */
export function setHandling(request: IncomingMessage, handling: Promise<void>): void {
  handlings.set(request, handling)
}

function handlingOf(request: IncomingMessage): Promise<void> | undefined {
  return handlings.get(request)
}

/**
 * What happens before routes, in this order: credentials, cross-origin headers, redirects, the caller's limits and scope.
 * And what happens when no route matches. Routes get their scope from `config.scope`, their caller from `callerOf`.
 */
export function addPipeline(
  app: FastifyInstance,
  { requests, duration }: Instruments<typeof apiMetrics>,
  { gate, audit }: Access,
  config: { readonly cors: CorsConfig; readonly refuseMethod: MethodRefuser },
  context: ReplyContext,
): void {
  const cors = corsPolicy(config.cors)

  // Not the framework's own hook, which leaves out those whose client has left: what they changed is told all the same.
  const tell = (request: FastifyRequest, reply: FastifyReply, startMs: number) => {
    const route = request.routeOptions.url ?? 'none'
    requests.add(1, { route, status: reply.statusCode })
    duration.record((context.clock.monotonic() - startMs) / 1000, { route })
    audit.ended(request, reply)
  }

  app.addHook('onRequest', (request, reply, done) => {
    const { method, originalUrl } = request
    const startMs = context.clock.monotonic()
    reply.raw.once('close', () => {
      const handling = handlingOf(request.raw)
      if (handling === undefined) tell(request, reply, startMs)
      else void handling.then(() => tell(request, reply, startMs))
    })
    const isFree = method === 'OPTIONS' || request.routeOptions.config.scope === 'open'
    const caller = isFree ? undefined : gate.admit(request.raw)
    if (caller !== undefined && isRefusal(caller)) {
      audit.refused(request, caller.error)
      reply.header('WWW-Authenticate', [...caller.challenges])
      return sendError(reply, caller.error, context)
    }
    if (caller !== undefined) setCaller(request.raw, caller)
    const { origin, 'access-control-request-method': wanted = '' } = request.headers
    if (method === 'OPTIONS' && wanted !== '') {
      const names = request.headers['access-control-request-headers'] ?? ''
      reply.headers(cors.preflight(origin, wanted, names))
      reply.header('Vary', 'Origin, Access-Control-Request-Method, Access-Control-Request-Headers')
      reply.code(204).send()
      return
    }
    reply.header('Vary', 'Origin')
    if (origin !== undefined) reply.headers(cors.answer(origin, method) ?? {})
    const redirect = redirectOf(withoutHost(originalUrl))
    if (redirect !== undefined) return sendRedirect(reply, method, redirect.status, redirect.location)
    try {
      caller?.quota?.takeRequest()
      const { scope } = request.routeOptions.config
      if (caller !== undefined && scope !== undefined && scope !== 'open')
        authorise(caller, scope, `${method} ${request.routeOptions.url}`)
    } catch (thrown) {
      if (thrown instanceof ClusterError && thrown.code === 'RATE_LIMITED') reply.header('Retry-After', '1')
      return sendError(reply, thrown, context)
    }
    done()
  })

  app.setNotFoundHandler((request, reply) => {
    const path = (request.raw.url ?? '/').split('?', 1)[0] ?? '/'
    const allowed = config.refuseMethod(request.method, path)
    if (allowed !== undefined) reply.code(405).header('Allow', allowed).header('Content-Length', '0').send()
    else sendError(reply, new ClusterError('NOT_FOUND', 'not found'), context)
  })
  app.setErrorHandler((thrown: unknown, _request, reply) => {
    const status = thrown instanceof Error && 'statusCode' in thrown ? Number(thrown.statusCode) : 500
    const isOurs = !(status >= 400 && status < 500)
    sendError(reply, isOurs ? thrown : new ClusterError('INVALID_ARGUMENT', messageOf(thrown)), context)
  })
}

function sendRedirect(reply: FastifyReply, method: string, status: number, location: string): void {
  reply.code(status).header('Location', location)
  if (method !== 'GET' || status !== 307) return void reply.send()
  const escaped = location.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&#34;')
  reply.header('Content-Type', 'text/html; charset=utf-8')
  reply.send(`<a href="${escaped}">Temporary Redirect</a>.\n\n`)
}
