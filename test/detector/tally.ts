import type { PeerCondition } from '../../src/model/peer-health.ts'
import type { Trial } from './simulate.ts'

/** Mistakes and successes of one way of deciding that a peer is gone. */
export interface Score {
  /** Living peers taken for gone, once for each observer. */
  falseCount: number
  /** Of that in a pause of the peer or just after it. */
  falseInPauseCount: number
  /** Of that by observers that were suspended themselves a moment before. */
  falseAfterOwnCount: number
  /** Milliseconds from each death until each observer noticed. */
  readonly detectionsMs: number[]
}

/** What goes on when an observer decides. */
export interface Circumstances {
  /** Undefined when the peer is not dead. */
  readonly afterDeathMs: number | undefined
  readonly isPause: boolean
  readonly isObserverJustBack: boolean
}

/** A score of which nothing is known yet. */
export function emptyScore(): Score {
  return { falseCount: 0, falseInPauseCount: 0, falseAfterOwnCount: 0, detectionsMs: [] }
}

/** What came of a trial. */
export class Tally {
  readonly trial: Trial
  /** The detector, by the condition that it gave. */
  readonly suspect = emptyScore()
  readonly unreachable = emptyScore()
  readonly gone = emptyScore()
  /** Plain time-outs, by their milliseconds. */
  readonly plain: ReadonlyMap<number, Score>
  /** Heartbeats each 15 s, good for 30 s, looked at each 15 s. */
  readonly reference = emptyScore()
  /** How often there was something to decide: one peer watching another, for a day. */
  readonly pairDays: number
  sentCount = 0
  pausesCount = 0
  suspensionsCount = 0
  deathsCount = 0
  messagesPerObserver: readonly number[] = []

  constructor(trial: Trial) {
    this.trial = trial
    this.pairDays = (trial.observersCount * (trial.peersCount - 1) * trial.hours) / 24
    this.plain = new Map(trial.timeoutsMs.map(ms => [ms, emptyScore()]))
  }

  /** An observer gave a peer a condition. */
  note(condition: PeerCondition, circumstances: Circumstances): void {
    const { afterDeathMs, isPause, isObserverJustBack } = circumstances
    if (condition === 'alive') return
    const score = this[condition]
    if (afterDeathMs !== undefined) {
      score.detectionsMs.push(afterDeathMs)
      return
    }
    score.falseCount += 1
    if (isPause) score.falseInPauseCount += 1
    if (isObserverJustBack) score.falseAfterOwnCount += 1
  }
}

/** The value below which such a share of the values lies; NaN without any. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN
}
