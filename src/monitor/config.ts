import { type Static, Type } from 'typebox'
import { parseDuration } from '../lib/duration.ts'
import { durationSetting } from '../lib/schema.ts'

/** Keys of section `cluster` that belong to the monitor. */
export const heartbeatSchema = Type.Object({
  monitor_ping_interval: durationSetting(
    '15s',
    'How often this peer tells the others that it lives and how full it is.',
  ),
})

/** Section `monitor.pubsubmon`. */
export const monitorSchema = Type.Object({
  check_interval: durationSetting('15s', 'How often it is looked for peers whose heartbeat has stopped.'),
})

const metricTtl = (description: string) => durationSetting('30s', description)

/** Section `informer.disk`. */
export const diskInformerSchema = Type.Object({
  metric_ttl: metricTtl('How long other peers count on a measure of the disk.'),
  metric_type: Type.Union([Type.Literal('freespace'), Type.Literal('reposize')], {
    default: 'freespace',
    description: 'What is measured: space that is left for IPFS, or space that it uses.',
  }),
})

/** Section `informer.tags`. */
export const tagsInformerSchema = Type.Object({
  metric_ttl: metricTtl('How long other peers count on the tags.'),
  tags: Type.Record(Type.String(), Type.String(), {
    default: { group: 'default' },
    description: 'Names and values that allocations are spread over, as metrics tag:<name>.',
  }),
})

/** Section `informer.pinqueue`. */
export const pinqueueInformerSchema = Type.Object({
  metric_ttl: metricTtl('How long other peers count on a measure of the queue.'),
  weight_bucket_size: Type.Integer({
    default: 100_000,
    minimum: 0,
    description: 'Queue lengths that differ by less than this weigh the same; 0 = every difference counts.',
  }),
})

/** The sections as they stand in the file; undefined = that informer does not run. */
export interface MonitorSections {
  readonly heartbeat: Static<typeof heartbeatSchema>
  readonly monitor: Static<typeof monitorSchema>
  readonly disk: Static<typeof diskInformerSchema> | undefined
  readonly tags: Static<typeof tagsInformerSchema> | undefined
  readonly pinqueue: Static<typeof pinqueueInformerSchema> | undefined
}

/** How the monitor works, and what it measures. */
export interface MonitorConfig {
  readonly pingIntervalMs: number
  readonly checkIntervalMs: number
  readonly disk: { readonly ttlMs: number; readonly metric: 'freespace' | 'reposize' } | undefined
  readonly tags: { readonly ttlMs: number; readonly tags: Readonly<Record<string, string>> } | undefined
  readonly pinqueue: { readonly ttlMs: number; readonly bucketSize: number } | undefined
}

/** The sections in the component's own terms. */
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
    disk: disk && { ttlMs: parseDuration(disk.metric_ttl), metric: disk.metric_type },
    tags: tags && { ttlMs: parseDuration(tags.metric_ttl), tags: tags.tags },
    pinqueue: pinqueue && {
      ttlMs: parseDuration(pinqueue.metric_ttl),
      bucketSize: pinqueue.weight_bucket_size,
    },
  }
}
