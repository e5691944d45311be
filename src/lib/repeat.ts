import type { Clock } from './clock.ts'

/** What a background loop needs. */
export interface RepeatOptions {
  readonly clock: Clock
  readonly everyMs: number
  /** Called with what a round threw; the loop goes on. */
  readonly onError: (thrown: unknown) => void
  /** Whether the first round runs at once. Default: after the first pause. */
  readonly isEager?: boolean
  /** The pause is at least so many times as long as the round was: what takes long then leaves the machine to others. Default 0. */
  readonly restPerRound?: number
}

/**
 * Runs `task` again and again with a pause between the end of a round and the start of the next, until disposed.
 * Disposal aborts the signal that the task received and waits for the round under way.
 */
export function repeat(
  options: RepeatOptions,
  task: (signal: AbortSignal) => Promise<void>,
): AsyncDisposable {
  const stopping = new AbortController()
  const { signal } = stopping
  const loop = async () => {
    if (options.isEager !== true) await options.clock.sleep(options.everyMs, signal)
    while (!signal.aborted) {
      const beganMs = options.clock.monotonic()
      try {
        await task(signal)
      } catch (thrown) {
        if (!signal.aborted) options.onError(thrown)
      }
      const tookMs = options.clock.monotonic() - beganMs
      await options.clock.sleep(Math.max(options.everyMs, tookMs * (options.restPerRound ?? 0)), signal)
    }
  }
  const done = loop().catch((thrown: unknown) => {
    if (!signal.aborted) throw thrown
  })
  return {
    async [Symbol.asyncDispose]() {
      stopping.abort(new DOMException('stopped', 'AbortError'))
      await done
    },
  }
}
