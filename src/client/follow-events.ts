import { ClusterError } from '../errors.ts'
import { systemClock } from '../lib/clock.ts'
import type { EventJson } from '../model/event-json.ts'

const PAUSE_MS = 500
const PAUSE_MAX_MS = 30_000

/**
 * Events without end. When the connection breaks, the next peer is asked for what is behind the last one that came: it
 * answers with a `reset` when it cannot know. Signs of life are left out. Throws what the first try fails with, what is
 * refused, and the signal's reason.
 */
export async function* followEvents(
  open: (after: string) => AsyncIterable<EventJson>,
  after: string,
  passOver: () => void,
  signal: AbortSignal | undefined,
): AsyncGenerator<EventJson> {
  let last = after
  let wasConnected = false
  for (let failures = 0; ; failures++) {
    try {
      for await (const event of open(last)) {
        wasConnected = true
        failures = 0
        last = event.id
        if (event.kind !== 'alive') yield event
      }
    } catch (thrown) {
      signal?.throwIfAborted()
      if (!(wasConnected && thrown instanceof ClusterError && thrown.isRetryable)) throw thrown
      passOver()
    }
    await systemClock.sleep(Math.min(PAUSE_MAX_MS, PAUSE_MS * 2 ** Math.min(10, failures)), signal ?? NEVER)
  }
}

const NEVER = new AbortController().signal
