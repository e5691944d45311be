import { createHash } from 'node:crypto'
import { remembered } from '../lib/remembered.ts'
import type { Cid } from '../model/cid.ts'
import { type PeerId, peerIdBytes } from '../model/peer.ts'

/** Points of a peer: with one each, the busiest of nine peers would have a quarter of all CIDs and not a ninth. */
const POINTS = 64

/**
 * Chooses, for any CID, the one of the given peers that is responsible: the one with the nearest point, by XOR of SHA-256
 * hashes. Peers with the same view choose the same one without asking; with different views none or two act, which does
 * no harm as long as what they do is idempotent.
 */
export function makeClosest(peers: readonly PeerId[]): (cid: Cid) => PeerId | undefined {
  const places = peers.map(placeOf)
  return cid => {
    const target = pointOf(cid.bytes)
    let nearest: readonly [Place, number] | undefined
    for (const place of places) {
      const distance = distanceOf(place, target)
      if (nearest === undefined || isNearer(place, distance, ...nearest)) nearest = [place, distance]
    }
    return nearest?.[0].peer
  }
}

/**
 * How many of the peers are nearer to a CID than this one: 0 = this peer is responsible, 1 = it is the next when that one
 * fails, and so on.
 */
export function makeRank(peers: readonly PeerId[], self: PeerId): (cid: Cid) => number {
  const own = placeOf(self)
  const others = peers.filter(peer => peer !== self).map(placeOf)
  return cid => {
    const target = pointOf(cid.bytes)
    const ownDistance = distanceOf(own, target)
    let nearer = 0
    for (const other of others) if (isNearer(other, distanceOf(other, target), own, ownDistance)) nearer++
    return nearer
  }
}

interface Place {
  readonly peer: PeerId
  readonly points: Uint32Array
}

const PLACES_KEPT_MAX = 4096

/** The points of a peer never change, and who chooses does so again and again with the same peers. */
const placeOf = remembered((peer: PeerId): Place => {
  const bytes = peerIdBytes(peer)
  const points = Uint32Array.from({ length: POINTS }, (_, at) => pointOf(bytes, Uint8Array.of(at)))
  return { peer, points }
}, PLACES_KEPT_MAX)

/** The first 32 bits of a hash: enough to tell some thousand points apart, and where not, the peer's id decides. */
function pointOf(...parts: readonly Uint8Array[]): number {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest().readUInt32BE()
}

function distanceOf({ points }: Place, target: number): number {
  let least = Number.POSITIVE_INFINITY
  for (const point of points) least = Math.min(least, (point ^ target) >>> 0)
  return least
}

function isNearer(a: Place, aDistance: number, b: Place, bDistance: number): boolean {
  return aDistance < bDistance || (aDistance === bDistance && a.peer < b.peer)
}
