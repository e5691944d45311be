import { type Static, Type } from 'typebox'
import { parseDuration } from '../lib/duration.ts'
import { durationSetting } from '../lib/schema.ts'

/** Section `monitor.alerts`. */
export const alertsSchema = Type.Object({
  check_interval: durationSetting('10s', 'How often this peer looks whether something has to be alerted.'),
  clock_skew_max: durationSetting('5s', 'By how much a clock may differ from those of most peers.'),
  ipfs_down_after: durationSetting('20s', 'How long the IPFS node may leave questions unanswered.'),
  pinset_differs_after: durationSetting(
    '5m0s',
    'How long the pinset of a connected peer may differ from ours while neither changes.',
  ),
  certificate_warning: durationSetting('336h0m0s', 'How long before its end a certificate is alerted about.'),
  disk_free_min: Type.Integer({
    default: 536_870_912,
    minimum: 0,
    description: 'Bytes that should be free on the disk with the pinset; 0 = any number will do.',
  }),
})

/** When something is alerted. */
export interface AlertsConfig {
  readonly checkIntervalMs: number
  readonly clockSkewMaxMs: number
  readonly ipfsDownAfterMs: number
  readonly pinsetDiffersAfterMs: number
  readonly certificateWarningMs: number
  readonly diskFreeMinBytes: number
}

/** The section in the component's own terms. */
export function toAlertsConfig(section: Static<typeof alertsSchema>): AlertsConfig {
  return {
    checkIntervalMs: Math.max(100, parseDuration(section.check_interval)),
    clockSkewMaxMs: parseDuration(section.clock_skew_max),
    ipfsDownAfterMs: parseDuration(section.ipfs_down_after),
    pinsetDiffersAfterMs: parseDuration(section.pinset_differs_after),
    certificateWarningMs: parseDuration(section.certificate_warning),
    diskFreeMinBytes: section.disk_free_min,
  }
}
