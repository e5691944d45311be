import { type Clock, systemClock } from '../../src/lib/clock.ts'

/** The clock of the machine with waits that are shorter by a factor. For time-outs of parts that talk over sockets. */
export function hurriedClock(factor: number): Clock {
  return {
    now: () => systemClock.now(),
    monotonic: () => systemClock.monotonic() * factor,
    sleep: (ms, signal) => systemClock.sleep(ms / factor, signal),
    schedule: (ms, task) => systemClock.schedule(ms / factor, task),
  }
}
