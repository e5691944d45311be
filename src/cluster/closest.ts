import { createHash } from 'node:crypto'
import { compareBytes } from '../lib/bytes.ts'
import type { Cid } from '../model/cid.ts'
import { type PeerId, peerIdBytes } from '../model/peer.ts'

/**
 * Chooses, for any CID, the one of the given peers that is responsible: the nearest by XOR of SHA-256 hashes. Peers with
 * the same view choose the same one without asking; with different views none or two act, which does no harm as long as
 * what they do is idempotent.
 */
export function makeClosest(peers: readonly PeerId[]): (cid: Cid) => PeerId | undefined {
  const hashes = peers.map(peer => [peer, hash(peerIdBytes(peer))] as const)
  return cid => {
    const target = hash(cid.bytes)
    let nearest: { readonly peer: PeerId; readonly distance: Uint8Array } | undefined
    for (const [peer, own] of hashes) {
      const distance = own.map((byte, at) => byte ^ (target[at] ?? 0))
      if (nearest === undefined || compareBytes(distance, nearest.distance) < 0) nearest = { peer, distance }
    }
    return nearest?.peer
  }
}

/**
 * How many of the peers are nearer to a CID than this one: 0 = this peer is responsible, 1 = it is the next when that one
 * fails, and so on.
 */
export function makeRank(peers: readonly PeerId[], self: PeerId): (cid: Cid) => number {
  const own = hash(peerIdBytes(self))
  const others = peers.filter(peer => peer !== self).map(peer => hash(peerIdBytes(peer)))
  return cid => {
    const target = hash(cid.bytes)
    let nearer = 0
    for (const other of others) if (isNearer(other, own, target)) nearer++
    return nearer
  }
}

/** By XOR: the first byte in which two hashes differ decides. */
function isNearer(a: Uint8Array, b: Uint8Array, target: Uint8Array): boolean {
  let at = 0
  while (at < target.length && a[at] === b[at]) at++
  const wanted = target[at] ?? 0
  return ((a[at] ?? 0) ^ wanted) < ((b[at] ?? 0) ^ wanted)
}

function hash(bytes: Uint8Array): Uint8Array {
  return createHash('sha256').update(bytes).digest()
}
