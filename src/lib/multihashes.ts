import { createHash } from 'node:crypto'
import { blake2b } from '@noble/hashes/blake2.js'

/** A hash function of multihashes: its name and number in the multicodec table, and how it is computed. */
export interface HashFunction {
  readonly name: string
  readonly code: number
  readonly digest: (bytes: Uint8Array) => Uint8Array
}

function openssl(algorithm: string, outputLength?: number): HashFunction['digest'] {
  const options = outputLength === undefined ? undefined : { outputLength }
  return bytes => createHash(algorithm, options).update(bytes).digest()
}

const sha256 = openssl('sha256')

/** Identity is not among them: it names content by itself. https://github.com/multiformats/multicodec/blob/master/table.csv */
export const HASH_FUNCTIONS: readonly HashFunction[] = [
  { name: 'sha1', code: 0x11, digest: openssl('sha1') },
  { name: 'sha2-256', code: 0x12, digest: sha256 },
  { name: 'sha2-512', code: 0x13, digest: openssl('sha512') },
  { name: 'sha3-512', code: 0x14, digest: openssl('sha3-512') },
  { name: 'sha3-384', code: 0x15, digest: openssl('sha3-384') },
  { name: 'sha3-256', code: 0x16, digest: openssl('sha3-256') },
  { name: 'sha3-224', code: 0x17, digest: openssl('sha3-224') },
  { name: 'shake-256', code: 0x19, digest: openssl('shake256', 64) },
  { name: 'sha2-384', code: 0x20, digest: openssl('sha384') },
  { name: 'dbl-sha2-256', code: 0x56, digest: bytes => sha256(sha256(bytes)) },
  { name: 'blake2b-256', code: 0xb220, digest: bytes => blake2b(bytes, { dkLen: 32 }) },
  { name: 'blake2b-512', code: 0xb240, digest: openssl('blake2b512') },
  { name: 'blake2s-256', code: 0xb260, digest: openssl('blake2s256') },
]

const BY_CODE = new Map(HASH_FUNCTIONS.map(row => [row.code, row]))

/** The hash function with that number, undefined when it is not known here. */
export function hashFunctionOf(code: number): HashFunction | undefined {
  return BY_CODE.get(code)
}

/** The hash function of that name, undefined when it is not known here. */
export function hashFunctionNamed(name: string): HashFunction | undefined {
  return HASH_FUNCTIONS.find(row => row.name === name)
}
