import type { Clock } from '../lib/clock.ts'

/** A process that is late by more than this stood still. */
export const LATE_MS = 1500

/** Who is told of pauses and ticks. */
export interface AwakeOptions {
  readonly tickMs: number
  /** The process stood still: called before any tick or `now()` after it answers. */
  readonly onPause: (pauseMs: number) => void
  /** Called at every tick, with how much later it is than it should be. */
  readonly onTick: (lateMs: number) => void
}

/**
 * Milliseconds in which this process was awake. A process that stood still (a suspended machine, a long garbage
 * collection, a blocked event loop) could receive nothing, so silence in that time says nothing about the others:
 * without this, a peer that wakes up would take every healthy one for dead. A suspended machine is seen by its wall clock,
 * too: the other one stands still with it on some systems.
 */
export class AwakeTime implements Disposable {
  readonly #clock: Clock
  readonly #options: AwakeOptions
  #pausedMs = 0
  #lastMs: number
  #lastWallMs: number
  #dueMs = 0
  #timer: Disposable

  constructor(clock: Clock, options: AwakeOptions) {
    this.#clock = clock
    this.#options = options
    this.#lastMs = clock.monotonic()
    this.#lastWallMs = clock.now()
    this.#timer = this.#schedule()
  }

  now(): number {
    const { tickMs, onPause } = this.#options
    const [nowMs, wallMs] = [this.#clock.monotonic(), this.#clock.now()]
    const passedMs = nowMs - this.#lastMs
    const aheadMs = wallMs - this.#lastWallMs - passedMs
    const lateMs = passedMs - tickMs
    this.#lastMs = nowMs
    this.#lastWallMs = wallMs
    if (lateMs > LATE_MS) this.#pausedMs += lateMs
    if (Math.max(lateMs, aheadMs) > LATE_MS) onPause(Math.max(lateMs, aheadMs))
    return nowMs - this.#pausedMs
  }

  [Symbol.dispose](): void {
    this.#timer[Symbol.dispose]()
  }

  #schedule(): Disposable {
    const { tickMs } = this.#options
    this.#dueMs = this.#clock.monotonic() + tickMs
    return this.#clock.schedule(tickMs, () => this.#tick())
  }

  #tick(): void {
    this.now()
    const lateMs = Math.max(0, this.#clock.monotonic() - this.#dueMs)
    this.#timer = this.#schedule()
    this.#options.onTick(lateMs)
  }
}
