import { cleanedPath } from '../paths.ts'

/** What a request line asks for. `url` is the path with its query, or where a redirect leads. */
export interface Target {
  readonly kind: 'clean' | 'redirect' | 'refused'
  readonly url: string
  /** Decoded, as Kubo reads it; '' unless clean. */
  readonly path: string
  /** The query without its question mark, as it came. */
  readonly search: string
  /** Why it is refused. */
  readonly why: string
}

/**
 * Reads the target of a request. Only origin form is taken (RFC 9112, 3.2.1): the proxy asks one node and no other host.
 * A path with `//` or `/./` is redirected to its clean form.
 */
export function toTarget(url: string): Target {
  if (!url.startsWith('/')) return refused(url, 'only paths are served here, not whole URLs')
  const mark = url.indexOf('?')
  const raw = mark < 0 ? url : url.slice(0, mark)
  const search = mark < 0 ? '' : url.slice(mark + 1)
  const path = decoded(raw)
  if (path === undefined) return refused(url, 'the path has a broken percent-encoding')
  const clean = cleanedPath(path)
  if (clean === undefined) return { kind: 'clean', url, path, search, why: '' }
  const query = mark < 0 ? '' : url.slice(mark)
  return { kind: 'redirect', url: encodeURI(clean).replaceAll('?', '%3F') + query, path: '', search, why: '' }
}

function refused(url: string, why: string): Target {
  return { kind: 'refused', url, path: '', search: '', why }
}

function decoded(path: string): string | undefined {
  try {
    return decodeURIComponent(path)
  } catch (thrown) {
    if (thrown instanceof URIError) return undefined
    throw thrown
  }
}
