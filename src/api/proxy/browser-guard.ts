import type { IncomingHttpHeaders } from 'node:http'
import { ClusterError } from '../../errors.ts'

/** The page that a request comes from, as far as the browser says: its origin, or that of the referring page. */
export function originOf({ origin, referer }: IncomingHttpHeaders): string | undefined {
  if (origin !== undefined) return origin
  if (referer === undefined || referer === '') return undefined
  const url = URL.parse(referer)
  return url === null ? 'null' : url.origin
}

/**
 * Keeps web pages from using the proxy by way of somebody's browser, by Kubo's own rules: a page must be of an origin
 * that the node allows, and a browser must say which page it is. Throws `FORBIDDEN`.
 */
export function refusePages(headers: IncomingHttpHeaders, allowedOrigin: string | undefined): void {
  const origin = originOf(headers)
  if (origin !== undefined) {
    if (allowedOrigin === '*' || allowedOrigin === origin) return
    throw new ClusterError(
      'FORBIDDEN',
      `pages of ${origin.slice(0, 200)} may not use this proxy: allow them in API.HTTPHeaders.Access-Control-Allow-Origin of the Kubo behind it`,
    )
  }
  const agent = headers['user-agent'] ?? ''
  if (!agent.startsWith('Mozilla') || agent.includes('Electron')) return
  throw new ClusterError(
    'FORBIDDEN',
    'browsers must say which page a request comes from: the header Origin is missing',
  )
}
