import type { Trial } from './simulate.ts'
import type { Score, Tally } from './tally.ts'

/** Silences below this are of no interest: no time-out is shorter. */
const SHORT_MS = 2000
/** As in IPFS Cluster: a heartbeat each 15 s is good for two intervals, and all are looked at every 15 s. */
const REFERENCE_EVERY = 15
const REFERENCE_MS = 30_000
const REFERENCE_CHECK_MS = 15_000

/**
 * What plain time-outs would make of the same messages: a peer is gone when nothing was heard of it for so long. They are
 * looked at all the time and cost nothing, which flatters them; the reference alone looks when it does.
 */
export class PlainTimeouts {
  readonly #trial: Trial
  readonly #tally: Tally
  readonly #heardMs: Float64Array
  readonly #heardOfTurnMs: Float64Array
  readonly #isExcused: Uint8Array
  readonly #turns: Uint32Array

  constructor(trial: Trial, tally: Tally) {
    this.#trial = trial
    this.#tally = tally
    const pairs = trial.observersCount * trial.peersCount
    this.#heardMs = new Float64Array(pairs).fill(Number.NaN)
    this.#heardOfTurnMs = new Float64Array(pairs).fill(Number.NaN)
    this.#isExcused = new Uint8Array(trial.peersCount)
    this.#turns = new Uint32Array(trial.peersCount)
  }

  /** A peer sends in turn: only every fifteenth heartbeat counts for the reference. */
  sends(peer: number): void {
    this.#turns[peer] = (this.#turns[peer] ?? 0) + 1
  }

  /** An observer hears a peer. */
  note(observer: number, peer: number, atMs: number): void {
    const pair = observer * this.#trial.peersCount + peer
    const heardMs = this.#heardMs[pair] ?? 0
    if (atMs - heardMs >= SHORT_MS && this.#isExcused[peer] === 0) {
      for (const [timeoutMs, score] of this.#tally.plain) {
        if (atMs - heardMs >= timeoutMs) this.#err(score, observer)
      }
    }
    this.#heardMs[pair] = atMs
    if ((this.#turns[peer] ?? 0) % REFERENCE_EVERY !== 0) return
    const dueMs = checkAfter((this.#heardOfTurnMs[pair] ?? 0) + REFERENCE_MS, observer)
    if (dueMs < atMs && this.#isExcused[peer] === 0) this.#err(this.#tally.reference, observer)
    this.#heardOfTurnMs[pair] = atMs
  }

  /** To take the peer for gone is no mistake from now on, and if it is an observer, its own mistakes are those of one that stood still. */
  excuse(peer: number): void {
    this.#isExcused[peer] = 1
  }

  die(peer: number, atMs: number): void {
    this.excuse(peer)
    for (let observer = 0; observer < this.#trial.observersCount; observer += 1) {
      if (this.#isExcused[observer] === 1) continue
      const pair = observer * this.#trial.peersCount + peer
      const heardMs = this.#heardMs[pair] ?? 0
      for (const [timeoutMs, { detectionsMs }] of this.#tally.plain)
        detectionsMs.push(heardMs + timeoutMs - atMs)
      const turnMs = (this.#heardOfTurnMs[pair] ?? 0) + REFERENCE_MS
      if (turnMs > 0)
        this.#tally.reference.detectionsMs.push(Math.max(0, checkAfter(turnMs, observer) - atMs))
    }
  }

  /** The peer counts again. */
  restart(peer: number): void {
    this.#isExcused[peer] = 0
  }

  #err(score: Score, observer: number): void {
    score.falseCount += 1
    if (this.#isExcused[observer] === 1) score.falseAfterOwnCount += 1
  }
}

/** When the reference looks the next time: each observer at moments of its own. */
function checkAfter(ms: number, observer: number): number {
  const phaseMs = (observer * 997) % REFERENCE_CHECK_MS
  return Math.ceil((ms - phaseMs) / REFERENCE_CHECK_MS) * REFERENCE_CHECK_MS + phaseMs
}
