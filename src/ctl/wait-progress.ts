import { formatDuration } from '../lib/duration.ts'
import type { GlobalPinInfoJson, PeerPinInfoJson } from '../model/status-json.ts'

/** What to wait for. */
export interface Awaited {
  readonly cid: string
  readonly target: 'pinned' | 'unpinned'
  /** How many peers must be there; 0 or less = all that are asked. */
  readonly limit: number
  /** Longest wait; 0 = none. */
  readonly timeoutMs: number
}

/** How far a wait has come. */
export interface WaitProgress {
  /** Peers that are there. */
  readonly done: readonly PeerPinInfoJson[]
  /** Peers that are asked to get there, and have not. */
  readonly others: readonly PeerPinInfoJson[]
  /** How many have to be there. */
  readonly wantedCount: number
  readonly isReached: boolean
}

/** How far a wait has come in a state. Without a limit, peers that are not to keep a pin do not count. */
export function progressOf(state: GlobalPinInfoJson, { target, limit }: Awaited): WaitProgress {
  const peers = Object.values(state.peer_map)
  const isDone = ({ status }: PeerPinInfoJson) => status === target
  const done = peers.filter(isDone)
  const others = peers.filter(peer => !isDone(peer) && (target !== 'pinned' || peer.status !== 'remote'))
  if (limit <= 0)
    return { done, others, wantedCount: done.length + others.length, isReached: others.length === 0 }
  const wantedCount = Math.min(limit, peers.length)
  return { done, others, wantedCount, isReached: done.length >= wantedCount }
}

/** Peers that do the same are told by name up to so many. */
const NAMES_MAX = 4

/** `2 of 3 peers: pinned peer1, peer2; peer3 pinning 1,204 blocks` */
export function formatWait(state: GlobalPinInfoJson, awaited: Awaited): string {
  const { done, others, wantedCount } = progressOf(state, awaited)
  const byStatus = Map.groupBy(others, ({ status }) => status)
  const parts = [
    ...(done.length === 0 ? [] : [`${awaited.target} ${namesOf(done)}`]),
    ...[...byStatus].flatMap(([status, peers]) =>
      peers.length > NAMES_MAX ? [`${peers.length} peers ${status}`] : peers.map(formatPeer),
    ),
  ]
  return `${done.length} of ${wantedCount} peers${parts.length === 0 ? '' : `: ${parts.join('; ')}`}`
}

/** The same with the time that has gone by, on one line of the terminal. */
export function formatWaitLine(
  state: GlobalPinInfoJson,
  awaited: Awaited,
  charactersMax: number,
  elapsedMs: number,
): string {
  const text = `${formatDuration(Math.floor(elapsedMs / 1000) * 1000)}  ${formatWait(state, awaited)}`
  return text.length <= charactersMax ? text : `${text.slice(0, Math.max(0, charactersMax - 1))}…`
}

function namesOf(peers: readonly PeerPinInfoJson[]): string {
  const names = peers.slice(0, NAMES_MAX).map(({ peername }) => peername)
  const more = peers.length - names.length
  return `${names.join(', ')}${more === 0 ? '' : ` and ${more} more`}`
}

function formatPeer({ peername, status, blocks }: PeerPinInfoJson): string {
  return `${peername} ${status}${blocks === undefined ? '' : ` ${blocks.toLocaleString('en')} blocks`}`
}
