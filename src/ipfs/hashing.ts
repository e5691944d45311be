import { ClusterError } from '../errors.ts'
import { equalBytes } from '../lib/bytes.ts'
import { hashFunctionOf } from '../lib/multihashes.ts'
import type { Cid } from '../model/cid.ts'

const IDENTITY = 0
const DIGEST_BYTES_MIN = 20

/** The block that a CID carries in itself (identity hash); undefined for all others. */
export function inlineBlock(cid: Cid): Uint8Array | undefined {
  return cid.multihash.code === IDENTITY ? cid.multihash.digest : undefined
}

/** Whether the bytes hash to the CID. `IPFS_REFUSED` for hash functions that cannot be checked here. */
export function isIntact(cid: Cid, bytes: Uint8Array): boolean {
  const { code, digest } = cid.multihash
  if (code === IDENTITY) return equalBytes(digest, bytes)
  const hash = hashFunctionOf(code)
  if (hash === undefined || digest.length < DIGEST_BYTES_MIN) {
    const why =
      hash === undefined
        ? `the hash function 0x${code.toString(16)}, which this node cannot check`
        : `a digest of only ${digest.length} bytes, which is too weak`
    throw new ClusterError('IPFS_REFUSED', `${cid.toString()} uses ${why}: keep it on a Kubo node`)
  }
  const whole = hash.digest(bytes)
  return whole.length >= digest.length && equalBytes(whole.subarray(0, digest.length), digest)
}
