import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http'
import { ClusterError } from '../../errors.ts'
import type { Cluster, Logger } from '../../interfaces.ts'
import type { ApiAddress } from '../address.ts'
import { blockPut } from './block-put.ts'
import { originOf, refusePages } from './browser-guard.ts'
import type { ClusterCommand } from './commands.ts'
import type { ProxyConfig } from './config.ts'
import type { ProxyExchange } from './exchange.ts'
import { forward } from './forward.ts'
import { NodeHeaders } from './node-headers.ts'
import { answerForOwnNode, type OwnNodeParts } from './own-node.ts'
import type { PaceContext } from './paced-writer.ts'
import { putAndPin, withoutPin } from './put-commands.ts'
import { KuboReply } from './reply.ts'
import { Upstream } from './upstream.ts'

/** The IPFS node behind the proxy. */
export interface Behind extends Disposable {
  /** Answers what is not the cluster's. */
  answer(exchange: ProxyExchange, path: string): Promise<void>
  /** Refuses requests of web pages that the node would refuse (`FORBIDDEN`); answers with the headers it would send. */
  admit(request: IncomingMessage, path: string): Promise<OutgoingHttpHeaders>
  /** Stores what is uploaded with `block/put` or `dag/put`, and has the cluster pin it. */
  put(
    command: Extract<ClusterCommand, 'block/put' | 'dag/put'>,
    exchange: ProxyExchange,
    reply: KuboReply,
  ): Promise<void>
}

/** A Kubo, which gets everything as it is. */
export function behindKubo(
  parts: {
    readonly cluster: Pick<Cluster, 'pin'>
    readonly address: ApiAddress
    readonly context: PaceContext
    readonly logger: Logger
  },
  config: Pick<ProxyConfig, 'isNodeTls' | 'extractedHeaders'>,
): Behind {
  const { cluster, context, logger } = parts
  const upstream = new Upstream(parts.address, config.isNodeTls, context)
  const nodeHeaders = new NodeHeaders({ upstream, clock: context.clock, logger }, config.extractedHeaders)
  return {
    async answer(exchange) {
      const { response, signal } = exchange
      try {
        await forward(upstream, exchange, context)
      } catch (thrown) {
        const isGone = thrown instanceof ClusterError && thrown.code === 'IPFS_UNAVAILABLE'
        if (!isGone || response.headersSent || signal.aborted) throw thrown
        logger.debug('the IPFS node behind the proxy does not answer', { error: thrown })
        response.writeHead(502, { 'content-length': 0 }).end()
      }
    },
    async admit(request, path) {
      const origin = originOf(request.headers)
      const { headers, allowedOrigin } = await nodeHeaders.of(origin, request.method ?? 'POST', path)
      refusePages(request.headers, allowedOrigin)
      return headers
    },
    put: (command, exchange, reply) => {
      const target = command === 'dag/put' ? withoutPin(exchange.target) : exchange.target
      return putAndPin({ cluster, upstream, context }, exchange, target, reply)
    },
    [Symbol.dispose]: () => upstream[Symbol.dispose](),
  }
}

/** The node in this process, which is no Kubo: what it can do is answered, the rest is refused. */
export function behindOwnNode(parts: OwnNodeParts): Behind {
  const admit = (request: IncomingMessage) => {
    refusePages(request.headers, undefined)
    return { vary: 'Origin' }
  }
  return {
    async answer(exchange, path) {
      const headers = admit(exchange.request)
      const reply = new KuboReply(exchange.response, headers, parts.context)
      try {
        await answerForOwnNode(parts, exchange, path, reply)
      } catch (thrown) {
        if (exchange.response.headersSent || exchange.signal.aborted) throw thrown
        await reply.sendError(thrown)
      }
    },
    admit: async request => admit(request),
    async put(command, exchange, reply) {
      if (command === 'block/put') return blockPut(parts, exchange, reply)
      const message = '"dag/put" needs a Kubo: set ipfs_connector.node to "kubo"'
      await reply.sendError(new ClusterError('REFUSED', message), 501)
    },
    [Symbol.dispose]: () => undefined,
  }
}
