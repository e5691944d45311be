import type { Clock } from '../../src/lib/clock.ts'

/** A clock that stands still until told to go on. */
export interface VirtualClock extends Clock {
  /** Moves time on by `ms`, running what falls due in order, and lets promises settle between. */
  advance(ms: number): Promise<void>
}

interface Timer {
  readonly at: number
  readonly order: number
  readonly run: () => void
}

const settle = () => new Promise<void>(resolve => setImmediate(resolve))

/** A virtual clock that begins at the given wall time (Unix milliseconds). */
export function virtualClock(startMs = 1_700_000_000_000): VirtualClock {
  const timers = new Set<Timer>()
  let nowMs = startMs
  let count = 0
  const add = (ms: number, run: () => void): Timer => {
    const timer = { at: nowMs + Math.max(0, ms), order: count++, run }
    timers.add(timer)
    return timer
  }
  const nextBefore = (end: number): Timer | undefined => {
    let next: Timer | undefined
    for (const timer of timers) {
      if (timer.at > end) continue
      if (next === undefined || timer.at < next.at || (timer.at === next.at && timer.order < next.order))
        next = timer
    }
    return next
  }
  return {
    now: () => nowMs,
    monotonic: () => nowMs - startMs,
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        if (signal.aborted) return reject(signal.reason)
        const onAbort = () => {
          timers.delete(timer)
          reject(signal.reason)
        }
        const timer = add(ms, () => {
          signal.removeEventListener('abort', onAbort)
          resolve()
        })
        signal.addEventListener('abort', onAbort, { once: true })
      }),
    schedule: (ms, task) => {
      const timer = add(ms, task)
      return { [Symbol.dispose]: () => void timers.delete(timer) }
    },
    advance: async ms => {
      const end = nowMs + ms
      await settle()
      for (let timer = nextBefore(end); timer !== undefined; timer = nextBefore(end)) {
        timers.delete(timer)
        nowMs = Math.max(nowMs, timer.at)
        timer.run()
        await settle()
      }
      nowMs = end
      await settle()
    },
  }
}
