import { CODEC_NAMES } from '../../lib/codec-names.ts'

// Names that Kubo's block/put takes for hash functions, by their numbers in the multicodec table
// (https://github.com/multiformats/multicodec/blob/master/table.csv).
const HASHES: Readonly<Record<number, string>> = {
  0x11: 'sha1',
  0x12: 'sha2-256',
  0x13: 'sha2-512',
  0x14: 'sha3-512',
  0x15: 'sha3-384',
  0x16: 'sha3-256',
  0x17: 'sha3-224',
  0x1a: 'keccak-224',
  0x1b: 'keccak-256',
  0x1c: 'keccak-384',
  0x1d: 'keccak-512',
  0x1e: 'blake3',
  0x56: 'dbl-sha2-256',
  0xb220: 'blake2b-256',
  0xb240: 'blake2b-512',
}

/** Kubo's name of a codec. Blocks lie under their hash alone, so one that it has no name for may go as raw. */
export function codecName(code: number): string {
  return CODEC_NAMES[code] ?? 'raw'
}

/** Kubo's name of a hash function; undefined for one that it would not take. */
export function hashName(code: number): string | undefined {
  return HASHES[code]
}
