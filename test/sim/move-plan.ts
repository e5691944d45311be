import { seededRandom } from '../support/seeded-random.ts'
import type { Plan } from './world.ts'

/** What a seed decides of runs in which content moves away from peers that leave. */
export interface MovePlan {
  /** `cluster.repin_delay`. */
  readonly delayMs: number
  readonly perSecond: number
  readonly inFlightMax: number
  /** Mean pause between two things that operators say of peers. */
  readonly sayEveryMs: number
  /** An IPFS node takes up to so long for a pin, until it is mended. */
  readonly pinMsMax: number
}

/** Changes the plan of a seed to one in which every peer moves content, peers are away for longer, and operators speak. */
export function movePlanOf(seed: number): Partial<Plan> {
  const random = seededRandom(seed ^ 0x307e)
  const pick = <Choice>(...choices: readonly [Choice, ...Choice[]]): Choice =>
    choices[Math.floor(random.next() * choices.length)] ?? choices[0]
  const chaosMs = pick(120_000, 240_000, 480_000)
  return {
    peersCount: pick(3, 4, 4, 5, 6),
    joinersCount: pick(0, 1),
    hasHostile: pick(true, false, false, false),
    hasDistrust: false,
    partitionsCount: pick(1, 8),
    pingIntervalMs: pick(1000, 2000, 3000),
    recoverIntervalMs: pick(60_000, 720_000),
    cidsCount: pick(6, 12, 24),
    chaosMs,
    writeEveryMs: chaosMs / pick(30, 60, 120),
    faultEveryMs: chaosMs / pick(6, 12, 24),
    moves: {
      delayMs: pick(0, 0, 10_000, 30_000),
      perSecond: pick(3, 200),
      inFlightMax: pick(3, 200),
      sayEveryMs: chaosMs / pick(2, 5, 10),
      pinMsMax: pick(0, 120_000),
    },
  }
}
