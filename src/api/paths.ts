import { posix } from 'node:path'
import { type Route, routes } from './routes.ts'

/** Where a URL that is not clean leads: 307 without the slash at its end, 301 without `//`, `/./` and `/../`. */
export interface Redirect {
  readonly status: 301 | 307
  readonly location: string
}

/** Slashes as browsers see them: a location that begins with two leads to another host. */
const LEADING_SLASHES = /^[/\\]+/

/** The redirect of a URL (path and query), or undefined when its path is clean. */
export function redirectOf(url: string): Redirect | undefined {
  const mark = url.indexOf('?')
  const path = mark < 0 ? url : url.slice(0, mark)
  const query = mark < 0 ? '' : url.slice(mark)
  // Only one slash stands at the begin of a location: "//host" would lead to another host.
  if (path.endsWith('/'))
    return { status: 307, location: `${path.slice(0, -1).replace(LEADING_SLASHES, '/') || '/'}${query}` }
  const clean = cleanedPath(path)
  return clean === undefined ? undefined : { status: 301, location: clean + query }
}

/** A path without `//`, `/./` and `/../`; undefined when it has none. */
export function cleanedPath(path: string): string | undefined {
  if (!path.includes('//') && !path.includes('/.')) return undefined
  const clean = posix.normalize(path).replace(LEADING_SLASHES, '/')
  return clean === path ? undefined : clean
}

/** A target as clients of proxies write it (`http://host/path`; RFC 9112, 3.2.2) in the form that servers get: `/path`. */
export function withoutHost(url: string): string {
  if (url.startsWith('/')) return url
  const [whole] = /^https?:\/\/[^/?#]*/i.exec(url) ?? []
  if (whole === undefined) return url
  const rest = url.slice(whole.length)
  return rest.startsWith('/') ? rest : `/${rest}`
}

/** A path as it is routed: an encoded slash is a slash, as in the reference. */
export function toRoutedUrl(target: string): string {
  const url = withoutHost(target)
  if (!url.includes('%2')) return url
  const mark = url.indexOf('?')
  const path = mark < 0 ? url : url.slice(0, mark)
  return path.replace(/%2f/gi, '/') + url.slice(path.length)
}

/** The methods of a path, as in the header `Allow`, when a request that no route takes is to be answered with 405; else undefined. */
export type MethodRefuser = (method: string, path: string) => string | undefined

/**
 * Tells, for a table of routes, whether a request that no route takes is answered with an empty 405 instead of a 404: the path
 * is known, and no route of that method comes behind the last one that knows it. That is what clients of the reference see,
 * but for the methods that there are, which RFC 9110 (15.5.6) wants to be told.
 */
export function methodRefuser(table: readonly Pick<Route, 'method' | 'path'>[]): MethodRefuser {
  const patterns = table.map(({ path, method }) => ({
    method,
    regex: new RegExp(
      `^${path.replace(':keyType', '(ipfs|ipns|ipld)').replace(/:\w+/g, '[^/]+').replace('*', '.*')}$`,
    ),
  }))
  return (method, path) => {
    const last = patterns.findLastIndex(({ regex }) => regex.test(path))
    if (last < 0 || patterns.slice(last + 1).some(row => row.method === method)) return undefined
    const known = patterns.filter(({ regex }) => regex.test(path))
    return [...new Set(known.map(row => row.method))].join(', ')
  }
}

/** The same for the REST API. */
export const refuseMethod = methodRefuser(Object.values(routes))
