import { decode } from '@ipld/dag-pb'
import { importer } from 'ipfs-unixfs-importer'
import { ClusterError } from '../errors.ts'
import type { BlockWriter, NamedLink, Written } from './block-writer.ts'

/** A directory becomes a HAMT when names and CIDs of its links have more bytes than this. */
export const SHARD_THRESHOLD_BYTES = 262_144

/** Links to entries are named by two hexadecimal digits and the entry's name, links to shards by the digits alone. */
const SHARD_PREFIX_LENGTH = 2

/** The size that decides on sharding: Kubo's estimate, which counts nothing but names and CIDs. */
export function linkBytes(link: Pick<NamedLink, 'name' | 'cid'>): number {
  return Buffer.byteLength(link.name) + link.cid.byteLength
}

/**
 * Writes a directory as a HAMT. The library builds the tree, always with SHA-256; each of its nodes is written again with
 * the wanted hash. Parents come after their children, so the new names are known by then.
 */
export async function writeShardedDirectory(
  links: readonly NamedLink[],
  writer: Pick<BlockWriter, 'node'>,
): Promise<Written> {
  const renamed = new Map<string, Written>()
  let last: Written | undefined
  const blockstore = {
    async put(cid: { toString(): string }, block: unknown) {
      if (!(block instanceof Uint8Array))
        throw new ClusterError('INTERNAL', 'the importer gave a block in pieces')
      const node = decode(block)
      const children = node.Links.map(link => {
        const name = link.Name ?? ''
        const key = link.Hash.toString()
        const shard = name.length === SHARD_PREFIX_LENGTH ? renamed.get(key) : undefined
        if (shard !== undefined) renamed.delete(key)
        return { name, cid: link.Hash, dagBytes: link.Tsize ?? 0, ...shard }
      })
      last = await writer.node(node.Data ?? new Uint8Array(), children)
      renamed.set(cid.toString(), last)
      return cid
    },
  }
  const results = importer([], blockstore as unknown as Parameters<typeof importer>[1], {
    cidVersion: 1,
    wrapWithDirectory: true,
    shardSplitThresholdBytes: -1,
    dagBuilder: async function* () {
      for (const link of links) {
        yield async () => ({ path: link.name, cid: link.cid, size: BigInt(link.dagBytes) })
      }
    },
  })
  for await (const result of results) void result
  if (last === undefined) throw new ClusterError('INTERNAL', 'the importer gave no directory')
  return last
}
