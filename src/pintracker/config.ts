import { type Static, Type } from 'typebox'
import { parseDuration } from '../lib/duration.ts'
import { durationSetting } from '../lib/schema.ts'

/** Keys of section `cluster` that belong to the tracker. */
export const recoverSchema = Type.Object({
  pin_recover_interval: durationSetting(
    '12m0s',
    'How often the whole pinset is compared with what IPFS has pinned. Failed pins have retry times of their own.',
  ),
})

/** Section `pin_tracker.stateless`. */
export const pinTrackerSchema = Type.Object({
  concurrent_pins: Type.Integer({
    default: 10,
    minimum: 1,
    maximum: 1000,
    description: 'How many pins IPFS is asked to fetch at the same time. 10 to 20 suits most nodes.',
  }),
  priority_pin_max_age: durationSetting(
    '24h0m0s',
    'Pins whose entry is older than this wait behind the younger ones.',
  ),
  priority_pin_max_retries: Type.Integer({
    default: 5,
    minimum: 1,
    maximum: 1_000_000,
    description: 'Pins that were tried more often than this wait behind the others.',
  }),
  max_attempts: Type.Integer({
    default: 100,
    minimum: 0,
    maximum: 1_000_000,
    description:
      'How often a pin or unpin is tried before it is given up and waits for `cluster-ctl recover`; 100 takes about a day, 0 = never given up. A restart begins anew, and an IPFS node that does not answer does not count.',
  }),
  max_pin_queue_size: Type.Integer({
    default: 1_000_000,
    minimum: 1,
    description:
      'Accepted for compatibility and without effect: some thousand pins wait in memory and any number beyond them in the pinset on disk, so nothing is ever turned away.',
  }),
})

/** Pins of a kind that are kept in memory while they wait: an hour of work for most nodes, and some megabytes. */
const WINDOW_MAX = 10_000

/** How the tracker works, in its own units. */
export interface PinTrackerConfig {
  readonly concurrentPins: number
  readonly priorityMaxAgeMs: number
  readonly priorityMaxRetries: number
  /** 0 = for ever. */
  readonly maxAttempts: number
  readonly recoverIntervalMs: number
  /** New pins that wait in memory, with priority and without; failed ones that are remembered; names that are to be looked at. */
  readonly windowMax: number
}

/** The settings as the tracker wants them. */
export function toPinTrackerConfig(
  section: Static<typeof pinTrackerSchema>,
  cluster: Static<typeof recoverSchema>,
): PinTrackerConfig {
  return {
    concurrentPins: section.concurrent_pins,
    priorityMaxAgeMs: parseDuration(section.priority_pin_max_age),
    priorityMaxRetries: section.priority_pin_max_retries,
    maxAttempts: section.max_attempts,
    recoverIntervalMs: parseDuration(cluster.pin_recover_interval),
    windowMax: WINDOW_MAX,
  }
}
