import type { Clock } from '../lib/clock.ts'

/**
 * A hybrid logical clock (Kulkarni et al. 2014, "Logical Physical Clocks"): wall time in milliseconds and a counter
 * for what happens within one. Compare with `compareTimes`.
 */
export interface HlcTime {
  /** Unix milliseconds. */
  readonly ms: number
  /** Order within a millisecond: 0 to 32,767, and 32,768 more for moves. */
  readonly count: number
}

const COUNT_MAX = 0x7fff
/** Counts from here on belong to moves, which have the millisecond of what they move, and its count above this one. */
const MOVES_FROM = 0x8000
const MOVES_MAX = 0xffff

/** Negative when `a` is earlier, positive when later, 0 when equal. */
export function compareTimes(a: HlcTime, b: HlcTime): number {
  return a.ms - b.ms || a.count - b.count
}

/** Time of a move of what has the given time: the same for every move of it, and before everything that is written over it. */
export function timeOfMove({ ms, count }: HlcTime): HlcTime {
  return { ms, count: count | MOVES_FROM }
}

/**
 * Whether the one time is that of a move of what had the other, or of a move of that, or of another move of the same. The count
 * tells entries apart that were written within a millisecond, which is long where a clock is ahead: all follow it, and stand still.
 */
export function isMoveOf(time: HlcTime, moved: HlcTime): boolean {
  return time.count === (moved.count | MOVES_FROM) && time.ms === moved.ms
}

/** Whether both are times of one entry, or of moves of it. */
export function isSameRoot(a: HlcTime, b: HlcTime): boolean {
  return isMoveOf(timeOfMove(a), b)
}

/** Gives times that never go back, whatever the machine's clock does, and that follow what was seen from others. */
export class Hlc {
  readonly #clock: Clock
  readonly #driftMaxMs: number
  #last: HlcTime

  /** `last` is the latest time that was given out before a restart. */
  constructor(clock: Clock, options: { readonly driftMaxMs: number; readonly last: HlcTime }) {
    this.#clock = clock
    this.#driftMaxMs = options.driftMaxMs
    this.#last = options.last
  }

  /** The latest time given out or followed. */
  get last(): HlcTime {
    return this.#last
  }

  /** A time later than every one before. */
  tick(): HlcTime {
    const now = Math.floor(this.#clock.now())
    if (now > this.#last.ms) this.#last = { ms: now, count: 0 }
    else if (this.#last.count < COUNT_MAX) this.#last = { ms: this.#last.ms, count: this.#last.count + 1 }
    else this.#last = { ms: this.#last.ms + 1, count: 0 }
    return this.#last
  }

  /**
   * A time later than every one before, than the given one if there is one, and than every move of what has that one: what replaces an entry
   * must win over a move of it that is made elsewhere, however far ahead the clock was by which the entry was written.
   */
  tickAfter(time: HlcTime | undefined): HlcTime {
    if (time === undefined) return this.tick()
    this.passMovesOf(time)
    const next = this.tick()
    return next.ms > time.ms ? next : { ms: time.ms + 1, count: 0 }
  }

  /** Leaves the millisecond of an entry to its moves: nothing that is written from now on is taken for one. */
  passMovesOf({ ms }: HlcTime): void {
    this.follow({ ms, count: MOVES_MAX })
  }

  /**
   * Follows a time seen from another peer. False when it lies so far ahead of the own clock that it was not
   * followed: one of the two machines has a wrong clock.
   */
  follow(time: HlcTime): boolean {
    if (time.ms - this.#clock.now() > this.#driftMaxMs) return false
    if (compareTimes(time, this.#last) > 0) this.#last = time
    return true
  }
}
