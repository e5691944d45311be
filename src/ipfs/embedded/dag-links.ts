import { decode as decodeDagCbor } from '@ipld/dag-cbor'
import { decode as decodeDagPb } from '@ipld/dag-pb'
import { CID } from 'multiformats/cid'
import { ClusterError, messageOf } from '../../errors.ts'
import type { Cid } from '../../model/cid.ts'

const DAG_PB = 0x70
const DAG_CBOR = 0x71
// Codecs whose blocks have no links: raw, cbor, json.
const LEAVES: ReadonlySet<number> = new Set([0x55, 0x51, 0x200])

/** Whether blocks of that codec have no links, so that their bytes need not be read to find any. */
export function isLeaf(cid: Cid): boolean {
  return LEAVES.has(cid.code)
}

/** The CIDs that a block links to, in its order, with repetitions. `IPFS_REFUSED` for codecs that are not known here. */
export function linksOf(cid: Cid, bytes: Uint8Array): readonly Cid[] {
  if (isLeaf(cid)) return []
  try {
    if (cid.code === DAG_PB) return decodeDagPb(bytes).Links.map(link => link.Hash)
    if (cid.code === DAG_CBOR) return cidsIn(decodeDagCbor(bytes))
  } catch (cause) {
    throw new ClusterError(
      'IPFS_REFUSED',
      `block ${cid.toString()} is not valid ${cid.code === DAG_PB ? 'dag-pb' : 'dag-cbor'}: ${messageOf(cause)}`,
      { cause },
    )
  }
  throw new ClusterError(
    'IPFS_REFUSED',
    `the embedded IPFS node cannot follow the links of ${cid.toString()}, whose codec is 0x${cid.code.toString(16)} (it knows raw, dag-pb, dag-cbor): pin it directly, or keep it on a Kubo node`,
  )
}

function cidsIn(root: unknown): readonly Cid[] {
  const found: Cid[] = []
  const left: unknown[] = [root]
  while (left.length > 0) {
    const value = left.pop()
    if (typeof value !== 'object' || value === null || value instanceof Uint8Array) continue
    const cid = CID.asCID(value)
    if (cid !== null) found.push(cid)
    else for (const inner of Object.values(value).reverse()) left.push(inner)
  }
  return found
}
