import { type Static, Type } from 'typebox'
import { parseDuration } from '../lib/duration.ts'
import { durationSetting } from '../lib/schema.ts'
import type { DetectorConfig } from './failure-detector.ts'

/** Keys of section `cluster` that belong to the heartbeat. */
export const heartbeatSchema = Type.Object({
  monitor_ping_interval: durationSetting(
    '2s',
    'How often this peer says that it lives, from 100ms to 10m. However short the limits in `monitor.pubsubmon`, others call it suspect, unreachable or gone only after two and a half, four or six intervals of silence. IPFS Cluster has 15s.',
  ),
})

/** Section `monitor.pubsubmon`. */
export const monitorSchema = Type.Object({
  check_interval: durationSetting(
    '15s',
    'How often metrics are looked through for some that ran out; each of them raises one alert.',
  ),
  suspect_phi: Type.Number({
    default: 8,
    minimum: 1,
    maximum: 100,
    description:
      'A peer is suspect (shown, but nothing new is allocated to it) when a heartbeat has at most one chance in 10^this of still coming, by the times of those before. Lower: sooner, and more often wrongly.',
  }),
  gone_phi: Type.Number({
    default: 12,
    minimum: 1,
    maximum: 100,
    description:
      'The same for "gone". It matters only where heartbeats come irregularly: elsewhere gone_after is later.',
  }),
  acceptable_pause: durationSetting(
    '3s',
    'A silence beyond the mean that is no reason for suspicion. Without any, single lost heartbeats make peers suspect.',
  ),
  min_std_deviation: durationSetting(
    '200ms',
    'Heartbeats are never taken for more regular than this, so that small delays after a calm time mean little.',
  ),
  samples: Type.Integer({
    default: 200,
    minimum: 10,
    maximum: 10_000,
    description: 'How many times between heartbeats are remembered of each peer; four bytes each.',
  }),
  unreachable_after: durationSetting(
    '8s',
    'The silence after which a suspect peer is unreachable: it is no longer asked for anything, and an alert is raised.',
  ),
  gone_after: durationSetting(
    '12.5s',
    'The silence after which an unreachable peer is gone, so that its content may be moved (after cluster.repin_delay), if a majority of the other peers finds the same; without that, three times as long. Longer than pauses that peers are forgiven.',
  ),
  restart_grace: durationSetting(
    '1m',
    'A peer that said that it stops is not gone before this: it may be restarted or upgraded.',
  ),
  max_clock_skew: durationSetting(
    '1h',
    'Heartbeats whose time differs by more than this from the own clock are refused: they may be recordings.',
  ),
})

const ttl = () => durationSetting('30s', 'How long a value holds; it is measured twice in that time.')

/** Section `informer.disk`. */
export const diskInformerSchema = Type.Object({
  metric_ttl: ttl(),
  metric_type: Type.Union([Type.Literal('freespace'), Type.Literal('reposize')], {
    default: 'freespace',
    description:
      'What to tell of the IPFS repository: the bytes left of its limit, or the bytes it takes (fewer are better).',
  }),
})

/** Section `informer.tags`. */
export const tagsInformerSchema = Type.Object({
  metric_ttl: ttl(),
  tags: Type.Record(Type.String({ minLength: 1, maxLength: 100 }), Type.String({ maxLength: 1000 }), {
    default: { group: 'default' },
    description: 'Names and values by which copies are spread, such as region or rack: metric `tag:<name>`.',
  }),
})

/** Section `informer.pinqueue`. */
export const pinqueueInformerSchema = Type.Object({
  metric_ttl: ttl(),
  weight_bucket_size: Type.Integer({
    default: 100_000,
    minimum: 0,
    description: 'Queues that differ by less than this many pins count as equal. 0 = every pin counts.',
  }),
})

/** What the informers measure; undefined = that one does not run. */
export interface InformersConfig {
  readonly disk: { readonly metric: 'freespace' | 'reposize'; readonly ttlMs: number } | undefined
  readonly tags: { readonly tags: Readonly<Record<string, string>>; readonly ttlMs: number } | undefined
  readonly pinqueue: { readonly bucketSize: number; readonly ttlMs: number } | undefined
}

/** How the monitor works, in its own units. */
export interface MonitorConfig {
  readonly pingIntervalMs: number
  readonly checkIntervalMs: number
  readonly clockSkewMsMax: number
  readonly detector: DetectorConfig
  readonly informers: InformersConfig
}

/** Sections as they are read; an informer whose section is absent does not run. */
export interface MonitorSections {
  readonly heartbeat: Static<typeof heartbeatSchema>
  readonly monitor: Static<typeof monitorSchema>
  readonly disk: Static<typeof diskInformerSchema> | undefined
  readonly tags: Static<typeof tagsInformerSchema> | undefined
  readonly pinqueue: Static<typeof pinqueueInformerSchema> | undefined
}

/** The settings as the monitor wants them. */
export function toMonitorConfig({
  heartbeat,
  monitor,
  disk,
  tags,
  pinqueue,
}: MonitorSections): MonitorConfig {
  return {
    pingIntervalMs: parseDuration(heartbeat.monitor_ping_interval),
    checkIntervalMs: parseDuration(monitor.check_interval),
    clockSkewMsMax: parseDuration(monitor.max_clock_skew),
    detector: toDetectorConfig(monitor),
    informers: {
      disk: disk && { metric: disk.metric_type, ttlMs: parseDuration(disk.metric_ttl) },
      tags: tags && { tags: tags.tags, ttlMs: parseDuration(tags.metric_ttl) },
      pinqueue: pinqueue && {
        bucketSize: pinqueue.weight_bucket_size,
        ttlMs: parseDuration(pinqueue.metric_ttl),
      },
    },
  }
}

/** What the failure detector wants to know of them. */
export function toDetectorConfig(monitor: Static<typeof monitorSchema>): DetectorConfig {
  return {
    suspectPhi: monitor.suspect_phi,
    gonePhi: monitor.gone_phi,
    acceptablePauseMs: parseDuration(monitor.acceptable_pause),
    minDeviationMs: parseDuration(monitor.min_std_deviation),
    samplesMax: monitor.samples,
    unreachableAfterMs: parseDuration(monitor.unreachable_after),
    goneAfterMs: parseDuration(monitor.gone_after),
    restartGraceMs: parseDuration(monitor.restart_grace),
  }
}
