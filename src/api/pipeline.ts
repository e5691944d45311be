import type { FastifyInstance, FastifyReply } from 'fastify'
import { ClusterError } from '../errors.ts'
import type { Instruments } from '../lib/instruments.ts'
import { basicAuthentication } from './auth.ts'
import type { RestApiConfig } from './config.ts'
import { corsPolicy } from './cors.ts'
import type { apiMetrics } from './metrics.ts'
import { isMethodRefused, redirectOf } from './paths.ts'
import { type ReplyContext, sendError } from './replies.ts'

/**
 * What happens before routes, in this order: credentials, cross-origin headers, redirects. And what happens when no
 * route matches.
 */
export function addPipeline(
  app: FastifyInstance,
  { requests, duration }: Instruments<typeof apiMetrics>,
  config: RestApiConfig,
  context: ReplyContext,
): void {
  const authenticate = config.basicAuth === undefined ? undefined : basicAuthentication(config.basicAuth)
  const cors = corsPolicy(config.cors)

  app.addHook('onRequest', (request, reply, done) => {
    const { method, originalUrl } = request
    const isFree = method === 'OPTIONS' || (method === 'GET' && originalUrl.split('?', 1)[0] === '/health')
    const refusal = isFree ? undefined : authenticate?.(request.headers.authorization)
    if (refusal !== undefined) {
      reply.header('WWW-Authenticate', [...refusal.challenges])
      return sendError(reply, refusal.error, context)
    }
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
    const redirect = redirectOf(originalUrl)
    if (redirect === undefined) return done()
    sendRedirect(reply, method, redirect.status, redirect.location)
  })

  app.addHook('onResponse', (request, reply, done) => {
    const route = request.routeOptions.url ?? 'none'
    requests.add(1, { route, status: reply.statusCode })
    duration.record(reply.elapsedTime / 1000, { route })
    done()
  })

  app.setNotFoundHandler((request, reply) => {
    const path = (request.raw.url ?? '/').split('?', 1)[0] ?? '/'
    if (isMethodRefused(request.method, path)) reply.code(405).header('Content-Length', '0').send()
    else sendError(reply, new ClusterError('NOT_FOUND', 'not found'), context)
  })
  app.setErrorHandler((thrown: unknown, _request, reply) => {
    const status = thrown instanceof Error && 'statusCode' in thrown ? Number(thrown.statusCode) : 500
    const isOurs = !(status >= 400 && status < 500)
    sendError(reply, isOurs ? thrown : new ClusterError('INVALID_ARGUMENT', String(thrown)), context)
  })
}

function sendRedirect(reply: FastifyReply, method: string, status: number, location: string): void {
  reply.code(status).header('Location', location)
  if (method !== 'GET' || status !== 307) return void reply.send()
  const escaped = location.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&#34;')
  reply.header('Content-Type', 'text/html; charset=utf-8')
  reply.send(`<a href="${escaped}">Temporary Redirect</a>.\n\n`)
}
