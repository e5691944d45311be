import type { IncomingMessage, ServerResponse } from 'node:http'

/** One request to the proxy, as its handlers see it. */
export interface ProxyExchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  /** Path and query, in origin form. */
  readonly target: string
  /** The query as it came, without the question mark. */
  readonly search: string
  readonly query: URLSearchParams
  /** What the command is about: the parameters `arg`, or the path segment that stands for them. */
  readonly args: readonly string[]
  /** Aborted when the client leaves or the proxy stops. */
  readonly signal: AbortSignal
  /** Aborted when the proxy stops: for work that goes on without the client. */
  readonly stopping: AbortSignal
}
