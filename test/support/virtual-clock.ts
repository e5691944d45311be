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
  isOff: boolean
}

/** Two turns: what waits for the next one in the first is done before time goes on. */
const settle = () => new Promise<void>(resolve => setImmediate(() => setImmediate(resolve)))

/** A virtual clock that begins at the given wall time (Unix milliseconds). */
export function virtualClock(startMs = 1_700_000_000_000): VirtualClock {
  const timers = new TimerHeap()
  let nowMs = startMs
  let count = 0
  const add = (ms: number, run: () => void): Timer => {
    const timer = { at: nowMs + Math.max(0, ms), order: count++, run, isOff: false }
    timers.push(timer)
    return timer
  }
  return {
    now: () => nowMs,
    monotonic: () => nowMs - startMs,
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        if (signal.aborted) return reject(signal.reason)
        const onAbort = () => {
          timer.isOff = true
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
      return {
        [Symbol.dispose]: () => {
          timer.isOff = true
        },
      }
    },
    advance: async ms => {
      const end = nowMs + ms
      await settle()
      for (let timer = timers.popBefore(end); timer !== undefined; timer = timers.popBefore(end)) {
        nowMs = Math.max(nowMs, timer.at)
        timer.run()
        await settle()
      }
      nowMs = end
      await settle()
    },
  }
}

/** Timers by the time at which they fall due, then by the order in which they were set. A binary heap. */
class TimerHeap {
  readonly #heap: Timer[] = []

  push(timer: Timer): void {
    const heap = this.#heap
    let at = heap.push(timer) - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      const above = heap[parent]
      if (above === undefined || !isSooner(timer, above)) break
      heap[at] = above
      at = parent
    }
    heap[at] = timer
  }

  /** Takes out the first timer that is due by `end` and was not switched off. */
  popBefore(end: number): Timer | undefined {
    for (let first = this.#heap[0]; first !== undefined; first = this.#heap[0]) {
      if (first.at > end && !first.isOff) return undefined
      this.#removeFirst()
      if (!first.isOff) return first
    }
    return undefined
  }

  #removeFirst(): void {
    const heap = this.#heap
    const moved = heap.pop()
    if (moved === undefined || heap.length === 0) return
    let at = 0
    for (;;) {
      const left = heap[2 * at + 1]
      const right = heap[2 * at + 2]
      if (left === undefined) break
      const isRight = right !== undefined && isSooner(right, left)
      const below = isRight ? right : left
      if (!isSooner(below, moved)) break
      heap[at] = below
      at = 2 * at + (isRight ? 2 : 1)
    }
    heap[at] = moved
  }
}

function isSooner(a: Timer, b: Timer): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order)
}
