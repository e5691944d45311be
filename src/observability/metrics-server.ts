import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { gzipSync } from 'node:zlib'
import type { Meter } from '@opentelemetry/api'
import { PrometheusExporter, PrometheusSerializer } from '@opentelemetry/exporter-prometheus'
import { emptyResource } from '@opentelemetry/resources'
import {
  AggregationType,
  DataPointType,
  MeterProvider,
  type ResourceMetrics,
} from '@opentelemetry/sdk-metrics'
import { ClusterError } from '../errors.ts'
import type { Logger } from '../interfaces.ts'
import { toListenAddress } from './listen-address.ts'
import { observeProcess } from './metrics.ts'

/** Metrics that are being served. */
export interface MetricsServer extends AsyncDisposable {
  readonly meter: Meter
  /** Where it listens: `http://<host>:<port>/metrics`. */
  readonly url: string
}

const CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8; escaping=underscores'
const REQUEST_LIMIT_MS = 10_000
/** Who scrapes needs one; the rest is for people. */
const CONNECTIONS_MAX = 256
// The SDK's default buckets are meant for milliseconds; times in seconds reach from a disk write to a long pin.
const SECONDS_BUCKETS = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3600,
]

/** Serves `GET /metrics` on a multiaddress, for Prometheus. Throws `CONFIG_INVALID` when it cannot listen there. */
export async function serveMetrics(
  { logger }: { readonly logger: Logger },
  { metricsAddress }: { readonly metricsAddress: string },
): Promise<MetricsServer> {
  const reader = new PrometheusExporter({ preventServerStart: true })
  const provider = new MeterProvider({
    resource: emptyResource(),
    readers: [reader],
    views: [
      {
        instrumentUnit: 's',
        aggregation: {
          type: AggregationType.EXPLICIT_BUCKET_HISTOGRAM,
          options: { boundaries: SECONDS_BUCKETS },
        },
      },
    ],
  })
  const serializer = new PrometheusSerializer('', false, undefined, true, true)
  const scrape = async (): Promise<string> => {
    const { resourceMetrics, errors } = await reader.collect()
    for (const error of errors) logger.warn('a metric could not be read', { error })
    return withPlainCounterNames(serializer.serialize(resourceMetrics), resourceMetrics)
  }
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const path = (request.url ?? '').split('?', 1)[0]
    const isRead = request.method === 'GET' || request.method === 'HEAD'
    if (path !== '/metrics' || !isRead) return void response.writeHead(path === '/metrics' ? 405 : 404).end()
    const text = `${await scrape()}\n`
    const isZipped = /\bgzip\b/.test(request.headers['accept-encoding'] ?? '')
    response.writeHead(200, {
      'content-type': CONTENT_TYPE,
      ...(isZipped ? { 'content-encoding': 'gzip' } : {}),
    })
    response.end(isZipped ? gzipSync(text) : text)
  }
  const server = createServer({ requestTimeout: REQUEST_LIMIT_MS }, (request, response) => {
    answer(request, response).catch((error: unknown) => {
      logger.error('metrics could not be served', { error })
      response.destroy()
    })
  })
  server.maxConnections = CONNECTIONS_MAX
  // Nothing takes long here: a connection on which nothing moves is that of a client that does not read.
  server.setTimeout(REQUEST_LIMIT_MS)
  const url = await listen(server, metricsAddress)
  const meter = provider.getMeter('pinfold')
  const observed = observeProcess(meter)
  return {
    meter,
    url,
    async [Symbol.asyncDispose]() {
      observed[Symbol.dispose]()
      const closed = new Promise(resolve => server.close(resolve))
      server.closeAllConnections()
      await closed
      await provider.shutdown()
    },
  }
}

async function listen(server: Server, multiaddress: string): Promise<string> {
  const { host, port } = toListenAddress(multiaddress)
  await new Promise<void>((resolve, reject) => {
    server.once('error', cause => {
      const why = 'code' in cause && cause.code === 'EADDRINUSE' ? 'the port is taken' : cause.message
      reject(
        new ClusterError(
          'CONFIG_INVALID',
          `metrics cannot be served on ${multiaddress}: ${why}; change observations.metrics.prometheus_endpoint`,
          { cause },
        ),
      )
    })
    server.listen(port, host, resolve)
  })
  const address = server.address()
  const boundPort = typeof address === 'object' && address !== null ? address.port : port
  return `http://${host.includes(':') ? `[${host}]` : host}:${boundPort}/metrics`
}

/**
 * The serializer appends `_total` to every counter; existing dashboards read the counters of the reference without it.
 * Names that say `_total` themselves stay.
 */
function withPlainCounterNames(text: string, { scopeMetrics }: ResourceMetrics): string {
  const counters = new Set<string>()
  for (const { metrics } of scopeMetrics) {
    for (const metric of metrics) {
      if (metric.dataPointType !== DataPointType.SUM || !metric.isMonotonic) continue
      if (!metric.descriptor.name.endsWith('_total')) counters.add(metric.descriptor.name)
    }
  }
  return text.replace(/^(# \w+ )?(\w+)_total(?=[ {])/gm, (line, comment: string | undefined, name: string) =>
    counters.has(name) ? `${comment ?? ''}${name}` : line,
  )
}
