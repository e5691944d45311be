import { ClusterError } from '../errors.ts'
import { systemClock, timeLimit } from '../lib/clock.ts'
import type { GlobalPinInfoJson } from '../model/status-json.ts'

/** What to wait for. */
export interface WaitSettings {
  /** Default `pinned`. */
  readonly status?: 'pinned' | 'unpinned'
  /** How many peers must be there; without it all that are to keep it. */
  readonly peers?: number
  readonly signal?: AbortSignal
  /** Longest wait, milliseconds; without it for as long as the signal lets. */
  readonly timeoutMs?: number
  /** How often to ask, milliseconds. Default one second. */
  readonly everyMs?: number
}

/** States from which a peer does not come to the wanted one soon. */
const FAILED: ReadonlySet<string> = new Set(['pin_error', 'unpin_error', 'cluster_error', 'undefined', ''])

/**
 * Asks until enough peers have the status, and answers with the last state. Peers that cannot be asked for now are asked
 * again. Throws `REFUSED` when so many peers failed that it cannot be reached, `TIMEOUT` when time is up.
 */
export async function waitForStatus(
  cid: string,
  ask: (signal: AbortSignal) => Promise<GlobalPinInfoJson>,
  settings: WaitSettings,
): Promise<GlobalPinInfoJson> {
  const { status = 'pinned', timeoutMs, everyMs = 1000 } = settings
  const given = settings.signal === undefined ? [] : [settings.signal]
  const limit = timeoutMs === undefined ? undefined : timeLimit(timeoutMs)
  const signal = AbortSignal.any(limit === undefined ? given : [...given, limit])
  try {
    for (;;) {
      const state = await ask(signal).catch((thrown: unknown) => {
        if (signal.aborted || !(thrown instanceof ClusterError && thrown.isRetryable)) throw thrown
        return undefined
      })
      if (state !== undefined && isReached(state, status, settings.peers)) return state
      await systemClock.sleep(everyMs, signal)
    }
  } catch (thrown) {
    if (limit?.aborted !== true || settings.signal?.aborted === true) throw thrown
    throw new ClusterError('TIMEOUT', `${cid} is not ${status} on enough peers after ${timeoutMs ?? 0} ms`)
  }
}

function isReached(state: GlobalPinInfoJson, status: string, wanted: number | undefined): boolean {
  const peers = Object.values(state.peer_map)
  // Peers that are not to keep a pin are no part of it.
  const asked = peers.filter(peer => status !== 'pinned' || peer.status !== 'remote')
  const failed = asked.filter(peer => FAILED.has(peer.status))
  const enough = Math.max(1, wanted ?? asked.length)
  const [first] = failed
  if (first !== undefined && asked.length - failed.length < enough) {
    throw new ClusterError(
      'REFUSED',
      `${state.cid} does not become ${status}: ${first.peername} says ${first.status}: ${first.error}`,
    )
  }
  return asked.filter(peer => peer.status === status).length >= enough
}
