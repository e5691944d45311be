import { type Static, Type } from 'typebox'
import { parseDuration } from '../lib/duration.ts'
import { durationSetting } from '../lib/schema.ts'
import type { DetectorConfig } from './failure-detector.ts'
import { type InformerSections, type InformersConfig, toInformersConfig } from './informers/config.ts'

/** Whoever promises heartbeats more often than this, or less often, promises nonsense. */
export const INTERVAL_MS_MIN = 100
/** See `INTERVAL_MS_MIN`. */
export const INTERVAL_MS_MAX = 600_000

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

/** How the monitor works, in its own units. */
export interface MonitorConfig {
  readonly pingIntervalMs: number
  readonly checkIntervalMs: number
  readonly clockSkewMsMax: number
  readonly detector: DetectorConfig
  readonly informers: InformersConfig
}

/** Sections as they are read. */
export interface MonitorSections extends InformerSections {
  readonly heartbeat: Static<typeof heartbeatSchema>
  readonly monitor: Static<typeof monitorSchema>
}

/** The settings as the monitor wants them. */
export function toMonitorConfig({ heartbeat, monitor, ...informers }: MonitorSections): MonitorConfig {
  const pingIntervalMs = parseDuration(heartbeat.monitor_ping_interval)
  return {
    pingIntervalMs,
    checkIntervalMs: parseDuration(monitor.check_interval),
    clockSkewMsMax: parseDuration(monitor.max_clock_skew),
    detector: toDetectorConfig(monitor),
    informers: toInformersConfig(informers, pingIntervalMs),
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
