import type { Clock } from '../lib/clock.ts'

/** Watches for work that stands still. */
export interface StallTimer extends Disposable {
  /** There was progress. */
  touch(): void
  /** Somebody else is to blame for the time until the next touch: it does not count. */
  pause(): void
}

/**
 * Calls `onStall` once when there was no `touch` for `limitMs` milliseconds; 0 = never. A touch costs no timer:
 * the one timer that runs looks at the time of the last touch and goes on waiting for what is left.
 */
export function openStallTimer(clock: Clock, limitMs: number, onStall: () => void): StallTimer {
  const nothing = () => undefined
  if (limitMs === 0) return { touch: nothing, pause: nothing, [Symbol.dispose]: nothing }
  let touchedAt = clock.monotonic()
  let isPaused = false
  const look = () => {
    const leftMs = isPaused ? limitMs : touchedAt + limitMs - clock.monotonic()
    if (leftMs <= 0) onStall()
    else timer = clock.schedule(leftMs, look)
  }
  let timer = clock.schedule(limitMs, look)
  return {
    touch: () => {
      isPaused = false
      touchedAt = clock.monotonic()
    },
    pause: () => {
      isPaused = true
    },
    [Symbol.dispose]: () => timer[Symbol.dispose](),
  }
}
