import { ClusterError, messageOf } from '../errors.ts'
import { parseDuration } from '../lib/duration.ts'
import { parsePeerId } from '../model/peer.ts'
import { INTERVAL_MS_MAX, INTERVAL_MS_MIN } from '../monitor/config.ts'
import type { Document } from './document.ts'
import type { Fault } from './fault.ts'
import { SECTION } from './schema.ts'
import { dotted, type Section } from './section.ts'
import { valueAt } from './setting.ts'

/** Durations that must be longer than nothing: something happens that often. */
const POSITIVE: readonly { readonly section: Section; readonly keys: readonly string[] }[] = [
  { section: SECTION.cluster, keys: ['state_sync_interval'] },
  { section: SECTION.cluster, keys: ['pin_recover_interval'] },
  { section: SECTION.cluster, keys: ['monitor_ping_interval'] },
  { section: SECTION.monitor, keys: ['check_interval'] },
  { section: SECTION.monitor, keys: ['min_std_deviation'] },
  { section: SECTION.monitor, keys: ['gone_after'] },
  { section: SECTION.monitor, keys: ['max_clock_skew'] },
  { section: SECTION.pinTracker, keys: ['priority_pin_max_age'] },
  { section: SECTION.disk, keys: ['metric_ttl'] },
  { section: SECTION.tags, keys: ['metric_ttl'] },
  { section: SECTION.pinqueue, keys: ['metric_ttl'] },
]

/** Faults that no schema sees: settings that contradict each other, or have values that mean nothing. */
export function crossFaults(document: Document): readonly Fault[] {
  return [
    ...positiveFaults(document),
    ...heartbeatFaults(document),
    ...replicationFaults(document),
    ...trustFaults(document),
    ...informerFaults(document),
  ]
}

function positiveFaults(document: Document): readonly Fault[] {
  return POSITIVE.flatMap(({ section, keys }) => {
    const value = valueAt(document.valuesOf(section), keys)
    const ms = millisecondsOf(value)
    return ms !== undefined && ms <= 0
      ? [
          {
            path: dotted([...section.keys, ...keys]),
            message: `must be longer than 0, is "${String(value)}"`,
          },
        ]
      : []
  })
}

/** Others refuse heartbeats whose interval is absurd; and nobody is gone who is still asked for things. */
function heartbeatFaults(document: Document): readonly Fault[] {
  const monitor = document.valuesOf(SECTION.monitor)
  const interval = document.valuesOf(SECTION.cluster)?.['monitor_ping_interval']
  const intervalMs = millisecondsOf(interval)
  const [unreachable, gone] = [monitor?.['unreachable_after'], monitor?.['gone_after']]
  const [unreachableMs, goneMs] = [millisecondsOf(unreachable), millisecondsOf(gone)]
  const isAbsurd =
    intervalMs !== undefined &&
    intervalMs > 0 &&
    (intervalMs < INTERVAL_MS_MIN || intervalMs > INTERVAL_MS_MAX)
  return [
    ...(isAbsurd
      ? [
          {
            path: 'cluster.monitor_ping_interval',
            message: `must be from 100ms to 10m, is "${String(interval)}"`,
          },
        ]
      : []),
    ...(unreachableMs !== undefined && goneMs !== undefined && goneMs < unreachableMs
      ? [
          {
            path: dotted([...SECTION.monitor.keys, 'gone_after']),
            message: `must not be shorter than unreachable_after: ${String(gone)} is less than ${String(unreachable)}`,
          },
        ]
      : []),
  ]
}

/** Undefined for what is no time span: that is for the schema to say. */
function millisecondsOf(value: unknown): number | undefined {
  if (typeof value !== 'string') return undefined
  try {
    return parseDuration(value)
  } catch (thrown) {
    if (thrown instanceof ClusterError) return undefined
    throw thrown
  }
}

function replicationFaults(document: Document): readonly Fault[] {
  const cluster = document.valuesOf(SECTION.cluster)
  // 0 stands for the default, which is -1: every peer.
  const min = Number(cluster?.['replication_factor_min']) || -1
  const max = Number(cluster?.['replication_factor_max']) || -1
  const path = 'cluster.replication_factor_min'
  if (min > 0 && max > 0 && min > max) {
    return [{ path, message: `is larger than max: ${min} is more than replication_factor_max, ${max}` }]
  }
  if ((min === -1) === (max === -1)) return []
  const message = `(${min}) and replication_factor_max (${max}) must both be -1, or neither: -1 means every peer`
  return [{ path, message }]
}

function trustFaults(document: Document): readonly Fault[] {
  const cluster = document.valuesOf(SECTION.cluster)
  const isBoth =
    cluster?.['pin_only_on_trusted_peers'] === true && cluster['pin_only_on_untrusted_peers'] === true
  const trusted = document.valuesOf(SECTION.crdt)?.['trusted_peers']
  const bad = (Array.isArray(trusted) ? trusted : []).flatMap((peer: unknown) => {
    if (peer === '*') return []
    try {
      parsePeerId(String(peer))
      return []
    } catch (thrown) {
      return [
        { path: 'consensus.crdt.trusted_peers', message: `must hold peer ids or "*": ${messageOf(thrown)}` },
      ]
    }
  })
  return isBoth
    ? [
        {
          path: 'cluster.pin_only_on_trusted_peers',
          message: 'and pin_only_on_untrusted_peers exclude each other',
        },
        ...bad,
      ]
    : bad
}

/** Allocation goes by metrics: a peer without any would never be chosen. */
function informerFaults(document: Document): readonly Fault[] {
  const informers = [SECTION.disk, SECTION.tags, SECTION.pinqueue, SECTION.numpin, SECTION.weight]
  return informers.some(section => document.valuesOf(section) !== undefined)
    ? []
    : [
        {
          path: 'informer',
          message: 'has no section: add at least one of disk, tags and pinqueue, such as "disk": {}',
        },
      ]
}
