import { type Static, Type } from 'typebox'
import { durationSetting } from '../lib/schema.ts'
import type { PeerId } from '../model/peer.ts'
import { parseLogLevels } from './log-levels.ts'
import type { LoggerConfig } from './logger.ts'

/** Section `observations`: metrics for Prometheus, traces for an OpenTelemetry collector, and logs. */
export const observabilitySchema = Type.Object({
  metrics: Type.Object({
    enable_stats: Type.Boolean({ default: false, description: 'Serve metrics to Prometheus.' }),
    prometheus_endpoint: Type.String({
      default: '/ip4/127.0.0.1/tcp/8888',
      description: 'Multiaddress to serve GET /metrics on. There is no authentication: keep it private.',
    }),
    reporting_interval: durationSetting(
      '30s',
      'Accepted for the sake of existing files; without effect, since metrics are read when they are scraped.',
    ),
  }),
  tracing: Type.Object({
    enable_tracing: Type.Boolean({ default: false, description: 'Send traces of requests to a collector.' }),
    otlp_endpoint: Type.String({
      default: 'http://127.0.0.1:4318/v1/traces',
      pattern: '^https?://',
      description:
        'URL of a collector that takes OTLP over HTTP (Jaeger, Tempo, the OpenTelemetry collector).',
    }),
    jaeger_agent_endpoint: Type.String({
      default: '',
      description:
        'Accepted for the sake of existing files; without effect, since Jaeger takes OTLP now: set otlp_endpoint.',
    }),
    sampling_prob: Type.Number({
      default: 0.3,
      minimum: 0,
      maximum: 1,
      description: 'Share of requests that are traced, from 0 to 1.',
    }),
    service_name: Type.String({
      default: 'cluster-daemon',
      minLength: 1,
      description: 'Name of the service in traces; the peername is appended.',
    }),
  }),
  logs: Type.Object({
    level: Type.String({
      default: 'info',
      description:
        'Least urgent level that is logged: error, warn, info or debug; with component:level for single parts, such as "warn,consensus:debug".',
    }),
    format: Type.Union(
      [Type.Literal('auto'), Type.Literal('json'), Type.Literal('pretty'), Type.Literal('nocolor')],
      {
        default: 'auto',
        description: 'How log lines look: auto is pretty on a terminal and json elsewhere.',
      },
    ),
  }),
})

/** The section as it stands in the file. */
export type ObservabilitySection = Static<typeof observabilitySchema>

/** What `openObservability` takes. */
export interface ObservabilityConfig {
  readonly logs: LoggerConfig
  /** Multiaddress to serve metrics on; undefined = no metrics. */
  readonly metricsAddress: string | undefined
  /** undefined = no traces. */
  readonly tracing: TracingConfig | undefined
  /** Settings that were given and do nothing, in words. */
  readonly notes: readonly string[]
}

/** Where traces go, and who sends them. */
export interface TracingConfig {
  readonly endpoint: string
  readonly samplingProbability: number
  readonly serviceName: string
  readonly peer: PeerId
}

/** What the section does not know. */
export interface ObservabilityContext {
  readonly peername: string
  readonly peer: PeerId
  /** Value of `--loglevel`, or '' . */
  readonly logLevelFlag: string
  readonly environment: Readonly<Record<string, string | undefined>>
}

/**
 * The section in the component's own terms. Log levels: section, then `IPFS_CLUSTER_LOG_LEVEL`, `CLUSTER_LOGLEVEL`,
 * then the flag; the later overrides. Throws `CONFIG_INVALID` for a level or component that does not exist.
 */
export function toObservabilityConfig(
  section: ObservabilitySection,
  context: ObservabilityContext,
): ObservabilityConfig {
  const { metrics, tracing, logs } = section
  const { environment } = context
  const specs = [
    logs.level,
    environment['IPFS_CLUSTER_LOG_LEVEL'],
    environment['CLUSTER_LOGLEVEL'],
    context.logLevelFlag,
  ]
  const isUnusedJaeger = tracing.enable_tracing && tracing.jaeger_agent_endpoint !== ''
  return {
    logs: {
      levels: parseLogLevels(specs.filter(spec => spec !== undefined)),
      format: formatFrom(environment['IPFS_LOGGING_FMT']) ?? logs.format,
    },
    metricsAddress: metrics.enable_stats ? metrics.prometheus_endpoint : undefined,
    tracing: tracing.enable_tracing
      ? {
          endpoint: tracing.otlp_endpoint,
          samplingProbability: tracing.sampling_prob,
          serviceName: `${tracing.service_name}-${context.peername}`,
          peer: context.peer,
        }
      : undefined,
    notes: isUnusedJaeger
      ? ['observations.tracing.jaeger_agent_endpoint is not used: traces go to otlp_endpoint']
      : [],
  }
}

function formatFrom(text: string | undefined): LoggerConfig['format'] | undefined {
  if (text === 'color') return 'pretty'
  return text === 'json' || text === 'nocolor' ? text : undefined
}
