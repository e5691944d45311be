import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http'
import { discardBody } from '../request-body.ts'
import type { ProxyExchange } from './exchange.ts'
import { type PaceContext, PacedWriter } from './paced-writer.ts'
import type { Upstream } from './upstream.ts'

/** Headers that concern one connection only (RFC 9110, 7.6.1), and what proxies have called so since. */
const HOP_BY_HOP: readonly string[] = [
  'connection',
  'proxy-connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]

/**
 * Hands a request to the node as it is, and its answer back: both bodies as they come, trailers too. A node that cannot
 * be reached throws `IPFS_UNAVAILABLE`; an answer that breaks off is cut on this side as well.
 */
export async function forward(
  upstream: Upstream,
  exchange: ProxyExchange,
  context: PaceContext,
): Promise<void> {
  const { request, response, signal, target } = exchange
  const answer = await upstream.send({
    method: request.method ?? 'GET',
    target,
    headers: forwardedHeaders(request),
    ...(hasBody(request) ? { body: request } : {}),
    signal,
  })
  const headers = endToEnd(answer.rawHeaders)
  const isBodyless = request.method === 'HEAD' || answer.statusCode === 204 || answer.statusCode === 304
  const isChunked = headers['content-length'] === undefined && request.httpVersion === '1.1' && !isBodyless
  const { trailer } = answer.headers
  if (trailer !== undefined && isChunked) headers['trailer'] = trailer
  // What is left of a body that the node does not want would be taken for the next request.
  if (hasBody(request) && !request.readableEnded) headers['connection'] = 'close'
  response.sendDate = headers['date'] === undefined
  response.writeHead(answer.statusCode ?? 502, answer.statusMessage, headers)
  response.flushHeaders()
  const writer = new PacedWriter(response, context)
  for await (const chunk of answer) await writer.write(chunk, signal)
  const trailers = toPairs(answer.rawTrailers)
  if (trailers.length > 0 && isChunked) response.addTrailers(trailers)
  await discardBody(request, response, context.clock)
  response.end()
}

/** The client's headers as they go to the node. */
export function forwardedHeaders(request: IncomingMessage): OutgoingHttpHeaders {
  const headers = endToEnd(request.rawHeaders)
  delete headers['expect']
  const { remoteAddress } = request.socket
  const before = request.headers['x-forwarded-for']
  const sources = [
    ...(before === undefined ? [] : [before].flat()),
    ...(remoteAddress ? [remoteAddress] : []),
  ]
  if (sources.length > 0) headers['x-forwarded-for'] = sources.join(', ')
  return headers
}

/** Whether a body comes with the request. */
export function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0
}

/** Headers that go further: all but those of the connection, and those that it names. */
function endToEnd(raw: readonly string[]): OutgoingHttpHeaders {
  const pairs = toPairs(raw).map(([name, value]) => [name.toLowerCase(), value] as const)
  const dropped = new Set(HOP_BY_HOP)
  for (const [name, value] of pairs) {
    if (name !== 'connection') continue
    for (const named of value.split(',')) dropped.add(named.trim().toLowerCase())
  }
  const headers: Record<string, string[]> = {}
  for (const [name, value] of pairs) {
    if (!dropped.has(name)) (headers[name] ??= []).push(value)
  }
  return Object.fromEntries(
    Object.entries(headers).map(([name, values]) => [name, values.length === 1 ? values[0] : values]),
  )
}

function toPairs(raw: readonly string[]): [name: string, value: string][] {
  const pairs: [string, string][] = []
  for (let at = 0; at + 1 < raw.length; at += 2) pairs.push([raw[at] ?? '', raw[at + 1] ?? ''])
  return pairs
}
