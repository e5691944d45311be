import { type Static, Type } from 'typebox'
import { parseDuration } from '../lib/duration.ts'
import { durationSetting } from '../lib/schema.ts'

/** Keys of section `cluster` that belong to the heartbeat. */
export const heartbeatSchema = Type.Object({
  monitor_ping_interval: durationSetting(
    '2s',
    'How often this peer says that it lives. Others take it for gone two and a half intervals after its last heartbeat. IPFS Cluster has 15s.',
  ),
})

/** Section `monitor.pubsubmon`. */
export const monitorSchema = Type.Object({
  check_interval: durationSetting(
    '15s',
    'How often metrics are looked through for some that ran out; each of them raises one alert.',
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
