import type { Cid } from '../src/model/cid.ts'

/** Bytes of the digest that say where a CID goes, so that nobody has to remember it. */
const FIRST_AT = 0
const SECOND_AT = 4

/**
 * The numbers of the two peers that keep a CID in a cluster of so many, before anything has moved. Every pair of peers keeps
 * as much as every other, as far as chance does that.
 */
export function keepersOf({ multihash: { digest } }: Cid, peersCount: number): readonly [number, number] {
  const bytes = new DataView(digest.buffer, digest.byteOffset, digest.byteLength)
  const first = bytes.getUint32(FIRST_AT) % peersCount
  const distance = 1 + (bytes.getUint32(SECOND_AT) % (peersCount - 1))
  return [first, (first + distance) % peersCount]
}
