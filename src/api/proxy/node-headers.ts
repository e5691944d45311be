import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http'
import type { Logger } from '../../interfaces.ts'
import type { Clock } from '../../lib/clock.ts'
import type { ProxyConfig } from './config.ts'
import type { Upstream } from './upstream.ts'

/** What finding out the node's headers needs. */
export interface NodeHeadersParts {
  readonly upstream: Pick<Upstream, 'askShort'>
  readonly clock: Clock
  readonly logger: Logger
}

/** Headers of an answer, and the origin that may read it according to the node. */
export interface NodeHeadersOf {
  readonly headers: OutgoingHttpHeaders
  /** `*`, an origin, or undefined. */
  readonly allowedOrigin: string | undefined
}

const CORS = ['access-control-allow-origin', 'vary', 'access-control-allow-credentials'] as const
/** How long a node that did not answer is not asked again. */
const PAUSE_MS = 1000

interface Known {
  readonly extracted: OutgoingHttpHeaders
  readonly plainCors: IncomingHttpHeaders
  readonly untilMs: number
}

/**
 * The headers of the node that the cluster's own answers carry too (http.md 3.2), so that pages which may use the node
 * may use the cluster. What does not depend on an origin is remembered; without an answer the last one goes on.
 */
export class NodeHeaders {
  readonly #parts: NodeHeadersParts
  readonly #config: ProxyConfig['extractedHeaders']
  #known: Known | undefined
  #refreshing: Promise<void> | undefined
  #pauseUntilMs = 0

  constructor(parts: NodeHeadersParts, config: ProxyConfig['extractedHeaders']) {
    this.#parts = parts
    this.#config = config
  }

  /** The headers of an answer to a request of this origin, if any. Never throws. */
  async of(origin: string | undefined, method: string, path: string): Promise<NodeHeadersOf> {
    const now = this.#parts.clock.monotonic()
    const isFresh = this.#known !== undefined && now < this.#known.untilMs
    if (!isFresh && now >= this.#pauseUntilMs) await (this.#refreshing ??= this.#refresh(method, path))
    const asked = origin === undefined ? this.#known?.plainCors : await this.#cors(origin, method, path)
    const cors = asked ?? {}
    const headers: OutgoingHttpHeaders = { ...this.#known?.extracted }
    for (const name of CORS) if (cors[name] !== undefined) headers[name] = cors[name]
    return { headers, allowedOrigin: cors['access-control-allow-origin'] }
  }

  async #refresh(method: string, path: string): Promise<void> {
    const { upstream, clock, logger } = this.#parts
    try {
      const { headers } = await upstream.askShort('POST', this.#config.path, {})
      const plainCors = await this.#askCors(undefined, method, path)
      const extracted = this.#config.names.flatMap(name =>
        headers[name] === undefined ? [] : [[name, headers[name]] as const],
      )
      const { ttlMs } = this.#config
      const untilMs = ttlMs === 0 ? Number.POSITIVE_INFINITY : clock.monotonic() + ttlMs
      this.#known = { extracted: Object.fromEntries(extracted), plainCors, untilMs }
    } catch (error) {
      this.#pauseUntilMs = clock.monotonic() + PAUSE_MS
      logger.warn("the node's headers were not learnt", { error })
    } finally {
      this.#refreshing = undefined
    }
  }

  async #cors(origin: string, method: string, path: string): Promise<IncomingHttpHeaders | undefined> {
    try {
      return await this.#askCors(origin, method, path)
    } catch (error) {
      this.#parts.logger.warn('the node did not say which origins it allows', { error })
      return undefined
    }
  }

  async #askCors(origin: string | undefined, method: string, path: string): Promise<IncomingHttpHeaders> {
    const headers = {
      'access-control-request-method': method,
      ...(origin === undefined ? {} : { origin }),
    }
    return (await this.#parts.upstream.askShort('OPTIONS', path, headers)).headers
  }
}
