import { context, DiagLogLevel, diag, type Tracer } from '@opentelemetry/api'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { resourceFromAttributes } from '@opentelemetry/resources'
import {
  BatchSpanProcessor,
  ParentBasedSampler,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace'
import type { Logger } from '../interfaces.ts'
import { AsyncContext } from './async-context.ts'
import type { TracingConfig } from './config.ts'

/** Traces that are being sent. Disposal sends what is left, for at most the export time-out. */
export interface OpenTracing extends AsyncDisposable {
  readonly tracer: Tracer
}

const EXPORT_LIMIT_MS = 5000
const QUEUE_SPANS_MAX = 2048

/**
 * Sends spans to a collector, OTLP over HTTP. A collector that does not answer costs spans, never a request: the queue
 * is bounded and what does not fit is dropped. One process traces for one peer, since the current span is global.
 */
export function openTracing({ logger }: { readonly logger: Logger }, config: TracingConfig): OpenTracing {
  diag.setLogger(
    {
      error: message => logger.warn('traces could not be sent', { reason: message.slice(0, 500) }),
      warn: message => logger.warn('tracing has a problem', { reason: message.slice(0, 500) }),
      info: () => undefined,
      debug: () => undefined,
      verbose: () => undefined,
    },
    { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true },
  )
  context.setGlobalContextManager(new AsyncContext())
  const exporter = new OTLPTraceExporter({ url: config.endpoint, timeoutMillis: EXPORT_LIMIT_MS })
  const provider = new TracerProvider({
    resource: resourceFromAttributes({ 'service.name': config.serviceName, cluster_id: config.peer }),
    sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(config.samplingProbability) }),
    spanProcessors: [
      new BatchSpanProcessor({
        exporter,
        maxQueueSize: QUEUE_SPANS_MAX,
        exportTimeoutMillis: EXPORT_LIMIT_MS,
      }),
    ],
  })
  return {
    tracer: provider.getTracer('pinfold'),
    async [Symbol.asyncDispose]() {
      try {
        await provider.shutdown()
      } catch (error) {
        logger.warn('the last traces could not be sent', { error })
      }
      context.disable()
      diag.disable()
    },
  }
}
