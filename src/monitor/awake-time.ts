import type { Clock } from '../lib/clock.ts'

const TICK_MS = 1000
/** A tick that is late by more than this means that the process stood still. */
const LATE_MS = 1500

/**
 * Milliseconds in which this process was awake. A process that stood still (a suspended machine, a long garbage
 * collection, a blocked event loop) could receive nothing, so silence in that time says nothing about the others:
 * without this, a peer that wakes up would take every healthy one for dead.
 */
export class AwakeTime implements Disposable {
  readonly #clock: Clock
  readonly #onPause: (pauseMs: number) => void
  #pausedMs = 0
  #lastMs: number
  #timer: Disposable

  constructor(clock: Clock, onPause: (pauseMs: number) => void) {
    this.#clock = clock
    this.#onPause = onPause
    this.#lastMs = clock.monotonic()
    this.#timer = clock.schedule(TICK_MS, () => this.#tick())
  }

  now(): number {
    const nowMs = this.#clock.monotonic()
    const lateMs = nowMs - this.#lastMs - TICK_MS
    this.#lastMs = nowMs
    if (lateMs > LATE_MS) {
      this.#pausedMs += lateMs
      this.#onPause(lateMs)
    }
    return nowMs - this.#pausedMs
  }

  [Symbol.dispose](): void {
    this.#timer[Symbol.dispose]()
  }

  #tick(): void {
    this.now()
    this.#timer = this.#clock.schedule(TICK_MS, () => this.#tick())
  }
}
