import { create as createDigest, type Digest } from 'multiformats/hashes/digest'
import { ClusterError } from '../errors.ts'
import { equalBytes } from '../lib/bytes.ts'
import { HASH_FUNCTIONS, type HashFunction, hashFunctionOf } from '../lib/multihashes.ts'
import type { Cid } from '../model/cid.ts'

/** Makes the multihash of bytes. */
export type Hasher = (bytes: Uint8Array) => Digest<number, number>

/** Longest content that may stand in a CID itself: go-cid's verifcid takes no more. */
const IDENTITY_BYTES_MAX = 128

function identity(bytes: Uint8Array): Uint8Array {
  if (bytes.length > IDENTITY_BYTES_MAX) {
    throw new ClusterError(
      'INVALID_ARGUMENT',
      `a block of ${bytes.length} bytes is too large for hash identity: at most ${IDENTITY_BYTES_MAX} bytes fit into a CID`,
    )
  }
  return bytes.slice()
}

const IDENTITY: HashFunction = { name: 'identity', code: 0x00, digest: identity }
const BY_NAME = new Map([IDENTITY, ...HASH_FUNCTIONS].map(row => [row.name, row]))

function toHasher(row: HashFunction): Hasher {
  return bytes => createDigest(row.code, row.digest(bytes))
}

/** The hash function of a multihash name, whatever its case. Throws `INVALID_ARGUMENT`. */
export function hasherOf(name: string): Hasher {
  const row = BY_NAME.get(name.toLowerCase())
  if (row === undefined) {
    throw new ClusterError(
      'INVALID_ARGUMENT',
      `hash function name not known: "${name.slice(0, 60)}" is none of ${[...BY_NAME.keys()].join(', ')}`,
    )
  }
  return toHasher(row)
}

/** Fails with `INVALID_ARGUMENT` unless the bytes are those that the CID names. */
export function verifyBlock(cid: Cid, bytes: Uint8Array): void {
  const { code } = cid.multihash
  const row = code === IDENTITY.code ? IDENTITY : hashFunctionOf(code)
  if (row === undefined) {
    throw new ClusterError(
      'INVALID_ARGUMENT',
      `block ${cid.toString()} cannot be verified: its hash function 0x${code.toString(16)} is not known here`,
    )
  }
  if (!equalBytes(row.digest(bytes), cid.multihash.digest)) {
    throw new ClusterError(
      'INVALID_ARGUMENT',
      `block ${cid.toString()} is damaged: its bytes have another hash`,
    )
  }
}
