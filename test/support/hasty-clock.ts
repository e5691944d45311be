import type { Clock } from '../../src/lib/clock.ts'

/** A clock on which every sleep is over at once, with the time and the scheduled tasks that belong to it. */
export function hastyClock(startMs: number): Clock {
  const tasks = new Set<{ readonly atMs: number; readonly run: () => void }>()
  let nowMs = startMs
  return {
    now: () => nowMs,
    monotonic: () => nowMs - startMs,
    async sleep(ms, signal) {
      signal.throwIfAborted()
      nowMs += ms
      for (const task of [...tasks].sort((a, b) => a.atMs - b.atMs)) {
        if (task.atMs > nowMs) continue
        tasks.delete(task)
        task.run()
      }
      await new Promise(resolve => setImmediate(resolve))
      signal.throwIfAborted()
    },
    schedule(ms, run) {
      const task = { atMs: nowMs + ms, run }
      tasks.add(task)
      return { [Symbol.dispose]: () => void tasks.delete(task) }
    },
  }
}
