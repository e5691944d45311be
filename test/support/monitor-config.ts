import { Create } from 'typebox/value'
import { monitorSchema, toDetectorConfig } from '../../src/monitor/config.ts'
import type { DetectorConfig } from '../../src/monitor/failure-detector.ts'
import type { MonitorOpenConfig } from '../../src/monitor/monitor.ts'

/** The detector's settings where nothing is configured. */
export const DETECTOR_CONFIG: DetectorConfig = toDetectorConfig(Create(monitorSchema))

/** Settings of a monitor in a test: those where nothing is configured, but for what the test says. */
export function monitorConfig(
  options: Pick<MonitorOpenConfig, 'clusterName' | 'pingIntervalMs' | 'checkIntervalMs'>,
): MonitorOpenConfig {
  return { clockSkewMsMax: 3_600_000, detector: DETECTOR_CONFIG, ...options }
}
