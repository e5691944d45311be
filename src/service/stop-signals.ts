import type { Clock } from '../lib/clock.ts'

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
/** A terminal, npm and a wrapper may each pass on the same key press. */
const SAME_REQUEST_MS = 500
/** How long an orderly end may take. */
const BACKSTOP_MS = 30_000

/** Listens for requests to stop. Disposed, it listens on only when a stop was asked for, so that a slow end can be cut short. */
export interface StopSignals extends Disposable {
  /** Aborted by the first request. */
  readonly signal: AbortSignal
}

/** The part of `process` that this needs. */
export interface SignalSource {
  on(event: string, listener: (name: string) => void): unknown
  off(event: string, listener: (name: string) => void): unknown
}

/**
 * The first SIGINT, SIGTERM or SIGHUP (or the loss of a parent process that is connected by a channel) asks for an orderly end;
 * the second one, and half a minute, end the process at once through `exitNow`.
 */
export function listenForStop(
  source: SignalSource,
  clock: Clock,
  say: (line: string) => void,
  exitNow: () => void,
): StopSignals {
  const stopping = new AbortController()
  let firstMs: number | undefined
  const onRequest = (name: string) => {
    const nowMs = clock.monotonic()
    if (firstMs === undefined) {
      firstMs = nowMs
      clock.schedule(BACKSTOP_MS, () => {
        say('could not stop within 30 seconds: exiting now')
        exitNow()
      })
      stopping.abort(new DOMException(`stopped by ${name}`, 'AbortError'))
    } else if (nowMs - firstMs > SAME_REQUEST_MS) {
      say('exiting now')
      exitNow()
    }
  }
  const onDisconnect = () => onRequest('the end of the process that started it')
  for (const name of SIGNALS) source.on(name, onRequest)
  source.on('disconnect', onDisconnect)
  return {
    signal: stopping.signal,
    [Symbol.dispose]() {
      source.off('disconnect', onDisconnect)
      if (stopping.signal.aborted) return
      for (const name of SIGNALS) source.off(name, onRequest)
    },
  }
}
