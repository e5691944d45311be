/** Where time enters the program. The simulation has a clock of its own. */
export interface Clock {
  /** Wall time, milliseconds since the Unix epoch. May jump. */
  now(): number
  /** Milliseconds since some moment. Never goes back. */
  monotonic(): number
  /** Resolves after `ms` milliseconds; rejects with `signal.reason` when aborted before. */
  sleep(ms: number, signal: AbortSignal): Promise<void>
  /** Calls `task` once after `ms` milliseconds unless disposed before. Does not keep the process alive. */
  schedule(ms: number, task: () => void): Disposable
}

/** Some 25 days. A timer of Node that is to wait longer does not wait at all, so that longer waits are made of several. */
const TIMER_MS_MAX = 2 ** 31 - 1

/** The clock of the machine. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: (ms, signal) =>
    ms > TIMER_MS_MAX
      ? sleepOnce(TIMER_MS_MAX, signal).then(() => systemClock.sleep(ms - TIMER_MS_MAX, signal))
      : sleepOnce(ms, signal),
  schedule: (ms, task) => (ms > TIMER_MS_MAX ? scheduleInParts(ms, task) : scheduleOnce(ms, task)),
}

/**
 * A signal that aborts with a `TimeoutError` after so many milliseconds, for what ends by the machine's clock. One beyond what a
 * timer can wait, 25 days, never does: nothing that is bounded takes so long.
 */
export function timeLimit(ms: number): AbortSignal {
  return ms > TIMER_MS_MAX ? new AbortController().signal : AbortSignal.timeout(Math.ceil(ms))
}

function sleepOnce(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason)
    const onAbort = () => {
      clearTimeout(timer)
      reject(signal.reason)
    }
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', onAbort)
      resolve()
    }, ms)
    signal.addEventListener('abort', onAbort, { once: true })
  })
}

function scheduleOnce(ms: number, task: () => void): Disposable {
  const timer = setTimeout(task, ms)
  timer.unref()
  return { [Symbol.dispose]: () => clearTimeout(timer) }
}

function scheduleInParts(ms: number, task: () => void): Disposable {
  let part = scheduleOnce(TIMER_MS_MAX, () => {
    part = systemClock.schedule(ms - TIMER_MS_MAX, task)
  })
  return { [Symbol.dispose]: () => part[Symbol.dispose]() }
}
