const SCORE_MAX = 4
/** One point goes after so long without further trouble. */
const CALM_MS = 5000

/**
 * How far this peer trusts its own ears (the local health multiplier of "Lifeguard: Local Health Awareness for More
 * Accurate Failure Detection", 2017). Whoever is late himself, was paused, or is missed by others has more reason to doubt
 * himself than them, and gives them more time.
 */
export class OwnHealth {
  #score = 0
  #sinceMs = 0

  /** Adds trouble: 1 point for being late, more for worse. */
  noteTrouble(points: number, nowMs: number): void {
    this.#score = Math.min(SCORE_MAX, this.#at(nowMs) + points)
    this.#sinceMs = nowMs
  }

  /** By what every limit is multiplied: 1 when all is well, at most 3. */
  patience(nowMs: number): number {
    return 1 + this.#at(nowMs) / 2
  }

  #at(nowMs: number): number {
    return Math.max(0, this.#score - Math.floor((nowMs - this.#sinceMs) / CALM_MS))
  }
}
