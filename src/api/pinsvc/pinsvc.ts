import assert from 'node:assert'
import type { ClusterError } from '../../errors.ts'
import type { LogFields, PinRequests } from '../../interfaces.ts'
import { note } from '../auth-audit.ts'
import type { RestApiConfig } from '../config.ts'
import type { CallerOptions } from '../handlers.ts'
import {
  addRoute,
  type HttpApi,
  type HttpParts,
  type HttpServer,
  openHttpApi,
  readJson,
} from '../http-app.ts'
import { methodRefuser } from '../paths.ts'
import { type ReplyContext, sendDocument, sendEmpty, sendFixed, toFixedBytes } from '../replies.ts'
import { pinSvcHandlers } from './handlers.ts'
import { type PinSvcRoute, pinSvcRoutes } from './routes.ts'

/** What the Pinning Service API asks and tells. */
export interface PinSvcComponents extends HttpParts {
  readonly requests: PinRequests
}

type AnyHandler = (input: unknown, options: CallerOptions) => Promise<unknown>

/** Serves the Pinning Service API on every configured address. Throws as `openRestApi` does. */
export function openPinSvcApi(components: PinSvcComponents, config: RestApiConfig): Promise<HttpApi> {
  return openHttpApi(components, config, {
    title: 'Pinning Service API',
    setting: 'api.pinsvcapi.http_listen_multiaddress',
    refuseMethod: methodRefuser(Object.values(pinSvcRoutes)),
    formatError,
    addRoutes: server => addRoutes(server, components),
  })
}

/** As the specification has it: a word for programs, a sentence for people. */
function formatError({ code, message }: ClusterError): string {
  return `${JSON.stringify({ error: { reason: code, details: message } })}\n`
}

function addRoutes(server: HttpServer, { requests }: PinSvcComponents): void {
  const { context, gate } = server
  // Each handler has the type of its own row; they are called with what the row says.
  const handlers = pinSvcHandlers({ requests, gate }) as unknown as Readonly<Record<string, AnyHandler>>
  for (const [name, row] of Object.entries(pinSvcRoutes)) {
    const route: PinSvcRoute = row
    const { method, path: url, scope } = route
    const handle = handlers[name]
    assert.ok(handle, `route ${name} has a handler`)
    addRoute(server, { name, method, url, scope }, answererOf(route, handle, context))
  }
}

type Answerer = Parameters<typeof addRoute>[2]

function answererOf(route: PinSvcRoute, handle: AnyHandler, context: ReplyContext): Answerer {
  const { body: bodySchema, reply: replySchema, status } = route
  if (route.isFixed === true) {
    let bytes: Buffer | undefined
    return async (_request, reply, options) => {
      bytes ??= toFixedBytes(await handle({}, options))
      sendFixed(reply, { bytes, isPage: false }, context)
    }
  }
  return async (request, reply, options) => {
    const { params, query } = request
    const body = bodySchema === undefined ? undefined : await readJson(request, context)
    note(request.raw, subjectOf(body))
    const document = await handle({ params, query, body }, options)
    if (replySchema === undefined && status !== undefined) sendEmpty(reply, status, context)
    else sendDocument(reply, document, context, status)
  }
}

/** What a document of a request is about, for the audit line. */
function subjectOf(body: unknown): LogFields {
  const { cid, name } = (body ?? {}) as Readonly<Record<string, unknown>>
  const texts = Object.entries({ cid, pin: name }).filter(([, value]) => typeof value === 'string')
  return Object.fromEntries(texts.map(([key, value]) => [key, String(value).slice(0, 100)]))
}
