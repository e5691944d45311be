/** A fault put into the source while it is loaded, which a trial must notice. */
export interface DetectorMutant {
  readonly name: string
  readonly says: string
  /** Path below src/monitor/. */
  readonly file: string
  readonly find: string
  readonly put: string
}

/** Faults that a trial is known to notice. */
export const DETECTOR_MUTANTS: readonly DetectorMutant[] = [
  {
    name: 'no-pause-guard',
    says: 'a peer that stood still blames the others for its own deafness',
    file: 'awake-time.ts',
    find: 'const LATE_MS = 1500',
    put: 'const LATE_MS = Number.POSITIVE_INFINITY',
  },
  {
    name: 'no-votes',
    says: 'one observer alone condemns',
    file: 'failure-detector.ts',
    find: 'isMajority(votes, watched.peer)',
    put: 'true',
  },
  {
    name: 'outages-in-history',
    says: 'the time that a suspicion ended counts among the times between heartbeats',
    file: 'failure-detector.ts',
    find: "watched.condition === 'alive' && !watched.isUnmeasured",
    put: 'true',
  },
  {
    name: 'no-least-silence',
    says: 'phi alone decides on life and death',
    file: 'failure-detector.ts',
    find: 'silenceMs >= goneMs && phi >= this.#config.gonePhi',
    put: 'phi >= this.#config.gonePhi',
  },
]
