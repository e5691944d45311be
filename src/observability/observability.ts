import { createNoopMeter, type Meter, type Tracer } from '@opentelemetry/api'
import type { Logger } from '../interfaces.ts'
import { NO_TRACER } from '../lib/span.ts'
import type { ObservabilityConfig } from './config.ts'
import { openLogger } from './logger.ts'

/** What the parts of a peer say of themselves, and where it goes. */
export interface Observability extends AsyncDisposable {
  readonly logger: Logger
  /** Does nothing when metrics are off. */
  readonly meter: Meter
  /** `NO_TRACER` when tracing is off. */
  readonly tracer: Tracer
  /** Where metrics are served, when they are. */
  readonly metricsUrl: string | undefined
}

/**
 * Opens logs, metrics and traces as configured. The OpenTelemetry SDK is loaded only for what is switched on.
 * Throws `CONFIG_INVALID` when metrics cannot be served on their address.
 */
export async function openObservability(config: ObservabilityConfig): Promise<Observability> {
  await using parts = new AsyncDisposableStack()
  const { logger } = parts.use(await openLogger(config.logs))
  const own = logger.child('observations')
  for (const note of config.notes) own.warn(note)
  const metrics =
    config.metricsAddress === undefined
      ? undefined
      : parts.use(
          await (await import('./metrics-server.ts')).serveMetrics(
            { logger: own },
            { metricsAddress: config.metricsAddress },
          ),
        )
  const tracing =
    config.tracing === undefined
      ? undefined
      : parts.use((await import('./tracing.ts')).openTracing({ logger: own }, config.tracing))
  if (metrics !== undefined) own.info('metrics are served', { url: metrics.url })
  const open = parts.move()
  return {
    logger,
    meter: metrics?.meter ?? createNoopMeter(),
    tracer: tracing?.tracer ?? NO_TRACER,
    metricsUrl: metrics?.url,
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  }
}
