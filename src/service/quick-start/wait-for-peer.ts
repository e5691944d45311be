import { ClusterError } from '../../errors.ts'
import type { Clock } from '../../lib/clock.ts'

const START_TIMEOUT_MS = 60_000
const REQUEST_TIMEOUT_MS = 2000
const PAUSE_MS = 100

/** Waits until the REST API at a URL answers who it is. Throws `TIMEOUT` after a minute. */
export async function waitForPeer(url: string, id: string, clock: Clock, signal: AbortSignal): Promise<void> {
  const endMs = clock.monotonic() + START_TIMEOUT_MS
  while (!(await isUp(url, id, signal))) {
    if (clock.monotonic() > endMs) {
      throw new ClusterError('TIMEOUT', `no peer answers at ${url} after ${START_TIMEOUT_MS / 1000} seconds`)
    }
    await clock.sleep(PAUSE_MS, signal)
  }
}

async function isUp(url: string, id: string, signal: AbortSignal): Promise<boolean> {
  try {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(REQUEST_TIMEOUT_MS)])
    const response = await fetch(`${url}/id`, { signal: limit })
    const text = await response.text()
    return response.ok && text.includes(id)
  } catch {
    // Not up yet; whether it ever comes up is for the caller's time limit.
    signal.throwIfAborted()
    return false
  }
}
