import type { Clock } from '../../src/lib/clock.ts'

/**
 * One run of a peer's process. When it is over, nothing that belonged to it acts any more: its timers do not ring, its calls
 * never return. That is what a killed process looks like from outside; nothing of it is closed.
 */
export class Life {
  isOver = false

  /** A promise of this life: once it is over, whoever waits for it waits for ever. */
  async bind<Result>(work: Promise<Result>): Promise<Result> {
    try {
      const result = await work
      await this.goOn()
      return result
    } catch (thrown) {
      await this.goOn()
      throw thrown
    }
  }

  /** Stops here when the life is over. */
  async goOn(): Promise<void> {
    if (this.isOver) await new Promise<never>(() => undefined)
  }
}

/** By how much a machine's wall clock is wrong. Changes make it jump. */
export interface Skew {
  offsetMs: number
}

/** The clock of one machine during one life. */
export function clockOf(life: Life, base: Clock, skew: Skew): Clock {
  return {
    now: () => base.now() + skew.offsetMs,
    monotonic: () => base.monotonic(),
    sleep: (ms, signal) => life.bind(base.sleep(ms, signal)),
    schedule: (ms, task) =>
      base.schedule(ms, () => {
        if (!life.isOver) task()
      }),
  }
}
