import { hash } from 'node:crypto'

const SHA_256 = 0x12
const DIGEST_BYTES = 32

/**
 * The partition of a CID (its bytes): the last four bytes of its SHA-256 multihash, which is spread evenly already; of
 * any other CID those of the SHA-256 of its bytes.
 */
export function partitionOf(cid: Uint8Array, partitionsCount: number): number {
  const at = cid.length - DIGEST_BYTES
  const isSpread = at >= 2 && cid[at - 2] === SHA_256 && cid[at - 1] === DIGEST_BYTES
  const spread = isSpread ? cid : hash('sha256', cid, 'buffer')
  const end = spread.length
  const [a = 0, b = 0, c = 0, d = 0] = [spread[end - 4], spread[end - 3], spread[end - 2], spread[end - 1]]
  return (((a << 24) | (b << 16) | (c << 8) | d) >>> 0) % partitionsCount
}
