import { CID } from 'multiformats/cid'
import { decode as decodeMultihash } from 'multiformats/hashes/digest'
import { concatBytes, toHex } from '../../lib/bytes.ts'
import type { Cid } from '../../model/cid.ts'

/**
 * Name of a block on disk, in hexadecimal: digest, multihash prefix, length of that prefix. Version and codec of the CID
 * play no part, and the digest comes first so that the order of keys is even over all shards.
 */
export type BlockKey = string

const RAW = 0x55

/** Number of folders that hold the blocks: one for each first byte of a key. */
export const SHARDS_COUNT = 256

/** The key of a CID's block. */
export function blockKey(cid: Cid): BlockKey {
  return toHex(blockKeyBytes(cid))
}

/** The same in bytes. */
export function blockKeyBytes(cid: Cid): Uint8Array {
  const { bytes, digest } = cid.multihash
  const prefix = bytes.subarray(0, bytes.length - digest.length)
  return concatBytes([digest, prefix, Uint8Array.of(prefix.length)])
}

/** A CID (version 1, raw) of the block with that key. */
export function cidOfKey(key: BlockKey): Cid {
  const bytes = Buffer.from(key, 'hex')
  const prefixLength = bytes.at(-1) ?? 0
  const digestLength = bytes.length - 1 - prefixLength
  const prefix = bytes.subarray(digestLength, digestLength + prefixLength)
  return CID.createV1(RAW, decodeMultihash(concatBytes([prefix, bytes.subarray(0, digestLength)])))
}

/** Which shard a key belongs to. */
export function shardOf(key: BlockKey): number {
  return Number.parseInt(key.slice(0, 2), 16)
}

/** Name of a shard's folder. */
export function shardName(shard: number): string {
  return shard.toString(16).padStart(2, '0')
}
