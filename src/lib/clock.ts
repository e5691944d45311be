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

/** The clock of the machine. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: (ms, signal) =>
    new Promise((resolve, reject) => {
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
    }),
  schedule: (ms, task) => {
    const timer = setTimeout(task, ms)
    timer.unref()
    return { [Symbol.dispose]: () => clearTimeout(timer) }
  },
}
