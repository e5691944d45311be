import { encode as encodeDagCbor } from '@ipld/dag-cbor'
import { importer } from 'ipfs-unixfs-importer'
import { fixedSize } from 'ipfs-unixfs-importer/chunker'
import { CID } from 'multiformats/cid'
import { sha256, sha512 } from 'multiformats/hashes/sha2'
import type { Block } from '../../src/interfaces.ts'
import type { Cid } from '../../src/model/cid.ts'

/** A DAG with all its blocks, the root last. */
export interface SampleDag {
  readonly root: Cid
  readonly blocks: readonly Block[]
}

/** How the content is cut. */
export interface SampleOptions {
  readonly chunkBytes?: number
  readonly cidVersion?: 0 | 1
  readonly rawLeaves?: boolean
}

/** The UnixFS DAG of files by path. */
export async function sampleFolder(
  files: Readonly<Record<string, Uint8Array>>,
  options: SampleOptions = {},
): Promise<SampleDag> {
  const found = new Map<string, Block>()
  const blockstore = {
    put: async (cid: CID, bytes: Uint8Array) => {
      found.set(cid.toString(), { cid, bytes })
      return cid
    },
    get: (cid: CID) => {
      const block = found.get(cid.toString())
      if (block === undefined) throw new Error(`no block ${cid.toString()}`)
      return block.bytes
    },
  }
  const { chunkBytes = 1024, cidVersion = 1, rawLeaves = true } = options
  const entries = Object.entries(files).map(([path, content]) => ({ path, content }))
  let root: CID | undefined
  for await (const entry of importer(entries, blockstore, {
    cidVersion,
    rawLeaves,
    chunker: fixedSize({ chunkSize: chunkBytes }),
    wrapWithDirectory: entries.length > 1,
  })) {
    root = entry.cid
  }
  if (root === undefined) throw new Error('nothing was imported')
  const top = root.toString()
  return { root, blocks: [...found.values()].sort((a, b) => rank(a, top) - rank(b, top)) }
}

/** The UnixFS DAG of one file. */
export function sampleFile(bytes: Uint8Array, options: SampleOptions = {}): Promise<SampleDag> {
  return sampleFolder({ file: bytes }, options)
}

/** A single raw block. */
export async function rawBlock(bytes: Uint8Array): Promise<Block> {
  return { cid: CID.createV1(0x55, await sha256.digest(bytes)), bytes }
}

/** A dag-cbor block of the given value, named by sha2-512. */
export async function cborBlock(value: unknown): Promise<Block> {
  const bytes = encodeDagCbor(value)
  return { cid: CID.createV1(0x71, await sha512.digest(bytes)), bytes }
}

/** Bytes that differ in each block of content that is asked for with another seed. */
export function sampleBytes(length: number, seed: string): Uint8Array {
  const bytes = new Uint8Array(length)
  let state = Buffer.from(seed).reduce((sum, byte) => (Math.imul(sum, 31) + byte) >>> 0, 17) | 1
  for (let at = 0; at < length; at++) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    bytes[at] = state & 0xff
  }
  return bytes
}

/** Blocks as the ports take them. */
export async function* streamOf(blocks: readonly Block[]): AsyncGenerator<Block> {
  yield* blocks
}

function rank(block: Block, root: string): number {
  return block.cid.toString() === root ? 1 : 0
}
