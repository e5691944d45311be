import { createHash } from 'node:crypto'
import { create as createDigest, type Digest } from 'multiformats/hashes/digest'
import { ClusterError } from '../errors.ts'
import { equalBytes } from '../lib/bytes.ts'
import type { Cid } from '../model/cid.ts'
import { blake2b } from './blake2b.ts'

/** Makes the multihash of bytes. */
export type Hasher = (bytes: Uint8Array) => Digest<number, number>

interface HashRow {
  readonly name: string
  readonly code: number
  readonly digest: (bytes: Uint8Array) => Uint8Array
}

/** Longest content that may stand in a CID itself: go-cid's verifcid takes no more. */
const IDENTITY_BYTES_MAX = 128

function openssl(algorithm: string, outputLength?: number): HashRow['digest'] {
  const options = outputLength === undefined ? undefined : { outputLength }
  return bytes => createHash(algorithm, options).update(bytes).digest()
}

function identity(bytes: Uint8Array): Uint8Array {
  if (bytes.length > IDENTITY_BYTES_MAX) {
    throw new ClusterError(
      'INVALID_ARGUMENT',
      `a block of ${bytes.length} bytes is too large for hash identity: at most ${IDENTITY_BYTES_MAX} bytes fit into a CID`,
    )
  }
  return bytes.slice()
}

const sha256 = openssl('sha256')

/** Names and codes of https://github.com/multiformats/multicodec/blob/master/table.csv */
const HASHES: readonly HashRow[] = [
  { name: 'identity', code: 0x00, digest: identity },
  { name: 'sha1', code: 0x11, digest: openssl('sha1') },
  { name: 'sha2-256', code: 0x12, digest: sha256 },
  { name: 'sha2-512', code: 0x13, digest: openssl('sha512') },
  { name: 'sha3-512', code: 0x14, digest: openssl('sha3-512') },
  { name: 'sha3-384', code: 0x15, digest: openssl('sha3-384') },
  { name: 'sha3-256', code: 0x16, digest: openssl('sha3-256') },
  { name: 'sha3-224', code: 0x17, digest: openssl('sha3-224') },
  { name: 'shake-256', code: 0x19, digest: openssl('shake256', 64) },
  { name: 'dbl-sha2-256', code: 0x56, digest: bytes => sha256(sha256(bytes)) },
  { name: 'blake2b-256', code: 0xb220, digest: bytes => blake2b(bytes, 32) },
  { name: 'blake2b-512', code: 0xb240, digest: openssl('blake2b512') },
  { name: 'blake2s-256', code: 0xb260, digest: openssl('blake2s256') },
]

const BY_NAME = new Map(HASHES.map(row => [row.name, row]))
const BY_CODE = new Map(HASHES.map(row => [row.code, row]))

function toHasher(row: HashRow): Hasher {
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
  const row = BY_CODE.get(cid.multihash.code)
  if (row === undefined) {
    throw new ClusterError(
      'INVALID_ARGUMENT',
      `block ${cid.toString()} cannot be verified: its hash function 0x${cid.multihash.code.toString(16)} is not known here`,
    )
  }
  if (!equalBytes(row.digest(bytes), cid.multihash.digest)) {
    throw new ClusterError(
      'INVALID_ARGUMENT',
      `block ${cid.toString()} is damaged: its bytes have another hash`,
    )
  }
}
