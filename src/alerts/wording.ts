import type { Monitor } from '../interfaces.ts'
import { formatDuration } from '../lib/duration.ts'
import type { PeerId } from '../model/peer.ts'

/** A peer as people know it. */
export function nameOf(monitor: Pick<Monitor, 'hello'>, peer: PeerId): string {
  const peername = monitor.hello(peer)?.peername ?? ''
  return peername === '' ? `peer ${peer}` : `${peername} (${peer})`
}

/** A time span without its fractions of a second. */
export function roughly(ms: number): string {
  return formatDuration(Math.round(ms / 1000) * 1000)
}
