import type { CorsConfig } from './config.ts'

type Headers = Readonly<Record<string, string>>

/** Decides by the Fetch standard's CORS protocol, with the settings of the reference. */
export interface CorsPolicy {
  /** Headers of an answer to a request with this `Origin`, or undefined when the page may not read it. */
  answer(origin: string, method: string): Headers | undefined
  /** Headers of the answer to a preflight. */
  preflight(origin: string | undefined, method: string, headers: string): Headers
}

const NO_HEADERS: Headers = {}

/** The policy of the given settings. */
export function corsPolicy(config: CorsConfig): CorsPolicy {
  const { allowedOrigins, exposedHeaders } = config
  const isEveryOrigin = allowedOrigins.length === 0 || allowedOrigins.includes('*')
  const origins = allowedOrigins.map(toMatcher)
  const methods = new Set(
    (config.allowedMethods.length === 0 ? ['GET', 'POST', 'HEAD'] : config.allowedMethods).map(upper),
  )
  const headers = new Set(
    config.allowedHeaders.length === 0
      ? ['accept', 'content-type', 'x-requested-with']
      : config.allowedHeaders.map(name => name.toLowerCase()),
  )
  const isOriginAllowed = (origin: string) =>
    isEveryOrigin || origins.some(match => match(origin.toLowerCase()))
  const credentials = config.isCredentialsAllowed ? { 'Access-Control-Allow-Credentials': 'true' } : {}
  const exposed =
    exposedHeaders.length === 0
      ? {}
      : { 'Access-Control-Expose-Headers': exposedHeaders.map(toCanonicalName).join(', ') }
  const originHeader = (origin: string) => (isEveryOrigin ? '*' : origin)
  return {
    answer(origin, method) {
      if (!isOriginAllowed(origin) || !(method === 'OPTIONS' || methods.has(method))) return undefined
      return { ...credentials, 'Access-Control-Allow-Origin': originHeader(origin), ...exposed }
    },
    preflight(origin, method, requested) {
      const names = requested
        .toLowerCase()
        .split(',')
        .map(name => name.trim())
      const isMethodAllowed = methods.has(upper(method)) || upper(method) === 'OPTIONS'
      const areHeadersAllowed = requested === '' || headers.has('*') || names.every(name => headers.has(name))
      const isAllowed =
        origin !== undefined && isOriginAllowed(origin) && isMethodAllowed && areHeadersAllowed
      if (!isAllowed) return NO_HEADERS
      return {
        ...credentials,
        ...(requested === '' ? {} : { 'Access-Control-Allow-Headers': requested }),
        'Access-Control-Allow-Methods': upper(method),
        'Access-Control-Allow-Origin': originHeader(origin),
        ...(config.maxAgeMs >= 1000
          ? { 'Access-Control-Max-Age': String(Math.floor(config.maxAgeMs / 1000)) }
          : {}),
      }
    },
  }
}

function upper(text: string): string {
  return text.toUpperCase()
}

/** Whether an origin in lower case matches a pattern with at most one `*`. */
function toMatcher(pattern: string): (origin: string) => boolean {
  const [head = '', tail] = pattern.toLowerCase().split('*', 2)
  if (tail === undefined) return origin => origin === head
  return origin =>
    origin.length >= head.length + tail.length && origin.startsWith(head) && origin.endsWith(tail)
}

function toCanonicalName(name: string): string {
  return name
    .toLowerCase()
    .replace(/(^|-)([a-z])/g, (_, dash: string, letter: string) => dash + upper(letter))
}
