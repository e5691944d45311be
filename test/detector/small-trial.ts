import { DETECTOR_CONFIG } from '../support/monitor-config.ts'
import { simulate, trialOf } from './simulate.ts'
import { quantile, type Score } from './tally.ts'

/** What a trial of a few seconds came to. Times in milliseconds. */
export interface SmallResult {
  readonly gone: SmallScore
  readonly suspect: SmallScore
  /** Plain time-outs of 5 s and 12.5 s. */
  readonly plain: readonly SmallScore[]
}

interface SmallScore {
  readonly falseCount: number
  readonly detections: number
  readonly p99: number
}

/** 30 peers, 9 of them observers, for five hours with more pauses, suspensions and deaths than in the long run. */
export function smallTrial(): SmallResult {
  const tally = simulate(
    trialOf({
      seed: 8,
      peersCount: 30,
      observersCount: 9,
      hours: 5,
      pauseEveryMs: 3_600_000,
      suspendEveryMs: 7_200_000,
      deathEveryMs: 90_000,
      deadMs: 120_000,
      detector: DETECTOR_CONFIG,
      timeoutsMs: [5000, 12_500],
    }),
  )
  return {
    gone: resultOf(tally.gone),
    suspect: resultOf(tally.suspect),
    plain: [...tally.plain.values()].map(resultOf),
  }
}

function resultOf({ falseCount, detectionsMs }: Score): SmallScore {
  return { falseCount, detections: detectionsMs.length, p99: quantile(detectionsMs, 0.99) }
}
