import { isJsonObject, type JsonObject } from '../../config/setting.ts'
import { ClusterError } from '../../errors.ts'
import type { Clock } from '../../lib/clock.ts'

const START_TIMEOUT_MS = 60_000
const JOIN_TIMEOUT_MS = 15_000
const REQUEST_TIMEOUT_MS = 2000
const PAUSE_MS = 100

/** Waits until the REST API at a URL answers who it is. Throws `TIMEOUT` after a minute. */
export async function waitForPeer(url: string, id: string, clock: Clock, signal: AbortSignal): Promise<void> {
  const endMs = clock.monotonic() + START_TIMEOUT_MS
  while ((await askId(url, signal))?.['id'] !== id) {
    if (clock.monotonic() > endMs) {
      throw new ClusterError('TIMEOUT', `no peer answers at ${url} after ${START_TIMEOUT_MS / 1000} seconds`)
    }
    await clock.sleep(PAUSE_MS, signal)
  }
}

/** Waits until the peer at a URL sees all of these peers; false when it does not within a quarter of a minute. */
export async function waitUntilJoined(
  url: string,
  ids: readonly string[],
  clock: Clock,
  signal: AbortSignal,
): Promise<boolean> {
  const endMs = clock.monotonic() + JOIN_TIMEOUT_MS
  while (!(await seesAll(url, ids, signal))) {
    if (clock.monotonic() > endMs) return false
    await clock.sleep(PAUSE_MS, signal)
  }
  return true
}

async function seesAll(url: string, ids: readonly string[], signal: AbortSignal): Promise<boolean> {
  const seen = (await askId(url, signal))?.['cluster_peers']
  return Array.isArray(seen) && ids.every(id => seen.includes(id))
}

/** The answer to `GET /id`, undefined while there is none. */
async function askId(url: string, signal: AbortSignal): Promise<JsonObject | undefined> {
  try {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(REQUEST_TIMEOUT_MS)])
    const response = await fetch(`${url}/id`, { signal: limit })
    const answer: unknown = await response.json()
    return response.ok && isJsonObject(answer) ? answer : undefined
  } catch {
    // Not up yet; whether it ever comes up is for the caller's time limit.
    signal.throwIfAborted()
    return undefined
  }
}
