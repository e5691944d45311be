import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Meter } from '@opentelemetry/api'
import { ClusterError, toClusterError, wasStopped } from '../../errors.ts'
import type { Cluster, Ipfs, Logger } from '../../interfaces.ts'
import type { Clock } from '../../lib/clock.ts'
import { makeInstruments } from '../../lib/instruments.ts'
import type { ApiAddress } from '../address.ts'
import { listenOnAll } from '../listen.ts'
import { LiveRequests } from '../live-requests.ts'
import { apiMetrics } from '../metrics.ts'
import { discardBody } from '../request-body.ts'
import { answerCommand, type CommandParts } from './answer-command.ts'
import { type Behind, behindKubo, behindOwnNode } from './behind.ts'
import { commandOf } from './commands.ts'
import type { ProxyConfig } from './config.ts'
import type { ProxyExchange } from './exchange.ts'
import { hasBody } from './forward.ts'
import { KuboReply, kuboError } from './reply.ts'
import { toTarget } from './target.ts'

/** What the IPFS proxy asks and tells. */
export interface ProxyComponents {
  readonly cluster: Cluster
  readonly ipfs: Ipfs
  /** RPC of the Kubo that the peer works with; undefined when its node is in this process. */
  readonly kubo: ApiAddress | undefined
  readonly clock: Clock
  readonly logger: Logger
  readonly meter: Meter
}

/** An IPFS proxy that listens. */
export interface IpfsProxy extends AsyncDisposable {
  /** Multiaddrs with the ports that were really taken. */
  readonly addresses: readonly string[]
}

const GRACE_MS = 1000
const SETTING = 'api.ipfsproxy.listen_multiaddress'

/**
 * Serves Kubo's RPC: commands on pins, adding and repositories are the cluster's, everything else is the node's behind.
 * Throws `CONFLICT` when an address is in use and `CONFIG_INVALID` when one cannot be listened on.
 */
export async function openIpfsProxy(components: ProxyComponents, config: ProxyConfig): Promise<IpfsProxy> {
  const { clock, logger, kubo } = components
  await using opened = new AsyncDisposableStack()
  const live = new LiveRequests()
  const stopping = new AbortController()
  const context = { clock, idleTimeoutMs: config.idleTimeoutMs }
  const behind = opened.use(
    kubo === undefined
      ? behindOwnNode({ ...components, context })
      : behindKubo({ ...components, context, address: config.node ?? kubo }, config),
  )
  const serve = new Serving(components, config, behind, stopping.signal)
  const parts = { ...components, formatWireError: ({ message }: ClusterError) => kuboError(message) }
  const listeners = await listenOnAll(parts, config, SETTING, (request, response) => {
    void serve.answer(request, response, live.open(response))
  })
  const rest = opened.move()
  logger.info('IPFS proxy listens', { addresses: listeners.addresses })
  return {
    addresses: listeners.addresses,
    async [Symbol.asyncDispose]() {
      listeners.stopAccepting()
      await live.stop(clock, GRACE_MS)
      stopping.abort(new ClusterError('NOT_READY', 'this peer is stopping'))
      await listeners[Symbol.asyncDispose]()
      await rest.disposeAsync()
    },
  }
}

class Serving {
  readonly #components: ProxyComponents
  readonly #parts: CommandParts
  readonly #config: ProxyConfig
  readonly #behind: Behind
  readonly #stopping: AbortSignal
  readonly #metrics

  constructor(components: ProxyComponents, config: ProxyConfig, behind: Behind, stopping: AbortSignal) {
    this.#components = components
    this.#parts = { ...components, context: { clock: components.clock, idleTimeoutMs: config.idleTimeoutMs } }
    this.#config = config
    this.#behind = behind
    this.#stopping = stopping
    this.#metrics = makeInstruments(components.meter, apiMetrics)
  }

  /** Answers one request. Never throws. */
  async answer(request: IncomingMessage, response: ServerResponse, signal: AbortSignal): Promise<void> {
    this.#limitTime(response)
    const target = toTarget(request.url ?? '/')
    const query = new URLSearchParams(target.search)
    const command = target.kind === 'clean' ? commandOf(request.method ?? '', target.path, query) : undefined
    this.#measure(response, command === undefined ? 'proxy/forwarded' : `proxy/${command.command}`)
    const args = command?.pathArgument === undefined ? query.getAll('arg') : [command.pathArgument]
    const { url, search } = target
    const exchange: ProxyExchange = {
      request,
      response,
      target: url,
      search,
      query,
      args,
      signal,
      stopping: this.#stopping,
    }
    try {
      if (target.kind === 'refused') throw new ClusterError('INVALID_ARGUMENT', target.why)
      if (target.kind === 'redirect') response.writeHead(301, { location: url, 'content-length': 0 }).end()
      else if (command === undefined) await this.#behind.answer(exchange, target.path)
      else await answerCommand(this.#parts, this.#behind, exchange, command.command, target.path)
    } catch (thrown) {
      await this.#fail(response, thrown, signal)
    }
    await this.#finish(request, response)
  }

  async #fail(response: ServerResponse, thrown: unknown, signal: AbortSignal): Promise<void> {
    const { logger } = this.#components
    const error = toClusterError(thrown)
    if (!wasStopped(thrown, signal)) {
      const fields = { code: error.code, error: error.message }
      if (error.code === 'INTERNAL')
        logger.error('proxied request failed', { ...fields, stack: error.stack, cause: error.cause })
      else logger.debug('proxied request refused', fields)
    }
    // An answer that has begun can only be cut; the client sees that it is not whole.
    if (response.headersSent) response.destroy()
    else if (!response.destroyed) {
      const reply = new KuboReply(response, {}, this.#parts.context)
      await reply.sendError(error, error.code === 'FORBIDDEN' ? 403 : 500)
    }
  }

  /** An upload that nobody reads to its end must not hold its connection for ever. */
  async #finish(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (!hasBody(request) || request.readableEnded) return
    await discardBody(request, response, this.#components.clock)
    if (!request.readableEnded) request.destroy()
  }

  #limitTime(response: ServerResponse): void {
    const { writeTimeoutMs } = this.#config
    if (writeTimeoutMs === 0) return
    const limit = this.#components.clock.schedule(writeTimeoutMs, () => response.destroy())
    response.once('close', () => limit[Symbol.dispose]())
  }

  #measure(response: ServerResponse, route: string): void {
    const startMs = this.#components.clock.monotonic()
    response.once('close', () => {
      this.#metrics.requests.add(1, { route, status: response.statusCode })
      this.#metrics.duration.record((this.#components.clock.monotonic() - startMs) / 1000, { route })
    })
  }
}
