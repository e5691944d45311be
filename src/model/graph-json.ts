import {
  booleanSchema,
  dictionarySchema,
  listSchema,
  nullableSchema,
  objectSchema,
  textSchema,
  type ValueOf,
} from '../lib/json-schema.ts'
import { formatCid } from './cid.ts'
import type { ConnectGraph, RepoGc } from './graph.ts'
import type { PeerId } from './peer.ts'

const linksSchema = dictionarySchema(nullableSchema(listSchema(textSchema('peer id'))))

/** JSON of who is connected to whom. */
export const connectGraphJsonSchema = objectSchema({
  cluster_id: textSchema('peer id of the answering peer'),
  id_to_peername: dictionarySchema(textSchema()),
  ipfs_links: linksSchema,
  cluster_links: linksSchema,
  cluster_trust_links: dictionarySchema(booleanSchema),
  cluster_to_ipfs: dictionarySchema(textSchema('peer id')),
})
/** JSON of who is connected to whom. */
export type ConnectGraphJson = ValueOf<typeof connectGraphJsonSchema>

const repoGcJsonSchema = objectSchema(
  {
    peer: textSchema('peer id'),
    peername: textSchema(),
    keys: listSchema(objectSchema({ key: nullableSchema(textSchema('CID')) }, { error: textSchema() })),
  },
  { error: textSchema() },
)
/** JSON of what garbage collection did, by peer. */
export const globalRepoGcJsonSchema = objectSchema({ peer_map: dictionarySchema(repoGcJsonSchema) })
/** JSON of what garbage collection did, by peer. */
export type GlobalRepoGcJson = ValueOf<typeof globalRepoGcJsonSchema>

/**
 * JSON of a graph. Peers that are linked but no members get an entry without links of their own, since clients look up
 * every linked peer.
 */
export function toConnectGraphJson(graph: ConnectGraph): ConnectGraphJson {
  const links = new Map(graph.clusterLinks)
  for (const linked of graph.clusterLinks.values()) {
    for (const peer of linked) if (!links.has(peer)) links.set(peer, [])
  }
  return {
    cluster_id: graph.self,
    id_to_peername: sorted(graph.peernames),
    ipfs_links: sorted(graph.ipfsLinks),
    cluster_links: sorted(links),
    cluster_trust_links: sorted(graph.trusted),
    cluster_to_ipfs: sorted(graph.clusterToIpfs),
  }
}

function sorted<Value>(map: ReadonlyMap<PeerId, Value>): Readonly<Record<string, Value>> {
  return Object.fromEntries([...map].sort(([a], [b]) => (a < b ? -1 : 1)))
}

/** JSON of garbage collection on several peers. */
export function toGlobalRepoGcJson(results: readonly RepoGc[]): GlobalRepoGcJson {
  const byPeer = results.map(result => [result.peer, toRepoGcJson(result)] as const)
  return { peer_map: sorted(new Map(byPeer)) }
}

function toRepoGcJson(result: RepoGc): ValueOf<typeof repoGcJsonSchema> {
  return {
    peer: result.peer,
    peername: result.peername,
    keys: result.keys.map(({ cid, error }) => ({
      key: cid === undefined ? null : formatCid(cid),
      ...(error === undefined || error === '' ? {} : { error }),
    })),
    ...(result.error === '' ? {} : { error: result.error }),
  }
}
