import { hash } from 'node:crypto'
import { ClusterError } from '../errors.ts'
import type { Cid } from '../model/cid.ts'

const IDENTITY = 0
const DIGEST_BYTES_MIN = 20

// Hash functions that Node has, by their numbers in the multicodec table. blake2b-256, which some Filecoin data uses, is
// not one of them: it is not a shortened blake2b-512.
const HASHES: Readonly<Record<number, string>> = {
  0x11: 'sha1',
  0x12: 'sha256',
  0x13: 'sha512',
  0x14: 'sha3-512',
  0x15: 'sha3-384',
  0x16: 'sha3-256',
  0x17: 'sha3-224',
  0x20: 'sha384',
  0xb240: 'blake2b512',
}

/** The block that a CID carries in itself (identity hash); undefined for all others. */
export function inlineBlock(cid: Cid): Uint8Array | undefined {
  return cid.multihash.code === IDENTITY ? cid.multihash.digest : undefined
}

/** Whether the bytes hash to the CID. `IPFS_REFUSED` for hash functions that cannot be checked here. */
export function isIntact(cid: Cid, bytes: Uint8Array): boolean {
  const { code, digest } = cid.multihash
  if (code === IDENTITY) return Buffer.compare(digest, bytes) === 0
  const name = HASHES[code]
  if (name === undefined || digest.length < DIGEST_BYTES_MIN) {
    const why =
      name === undefined
        ? `the hash function 0x${code.toString(16)}, which this node cannot check`
        : `a digest of only ${digest.length} bytes, which is too weak`
    throw new ClusterError('IPFS_REFUSED', `${cid.toString()} uses ${why}: keep it on a Kubo node`)
  }
  const whole = hash(name, bytes, 'buffer')
  return whole.length >= digest.length && Buffer.compare(whole.subarray(0, digest.length), digest) === 0
}

/** Node's name of a hash function; undefined for those that cannot be checked here, identity among them. */
export function hashFunction(code: number): string | undefined {
  return HASHES[code]
}
