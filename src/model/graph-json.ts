import {
  booleanSchema,
  choiceSchema,
  dictionarySchema,
  listSchema,
  nullableSchema,
  numberSchema,
  objectSchema,
  textSchema,
  type ValueOf,
} from '../lib/json-schema.ts'
import { formatCid } from './cid.ts'
import type { ConnectGraph, RepoGc } from './graph.ts'
import type { PeerId } from './peer.ts'
import { PEER_CONDITIONS } from './peer-health.ts'
import { formatTime } from './time-json.ts'

const linksSchema = dictionarySchema(nullableSchema(listSchema(textSchema('peer id'))))

const graphPeerSchema = objectSchema(
  {
    condition: choiceSchema(PEER_CONDITIONS),
    phi: numberSchema,
    heard_at: textSchema('RFC 3339: its last heartbeat; 0001-01-01T00:00:00Z = never heard'),
  },
  { error: textSchema('why it did not answer') },
)
const graphEdgeSchema = objectSchema(
  {
    connected: booleanSchema,
    condition: choiceSchema(PEER_CONDITIONS, 'what the first makes of the second'),
    phi: numberSchema,
    trusted: booleanSchema,
  },
  { latency_ms: numberSchema },
)

/** JSON of who is connected to whom; peers of IPFS Cluster do not say what is optional here. */
export const connectGraphJsonSchema = objectSchema(
  {
    cluster_id: textSchema('peer id of the answering peer'),
    id_to_peername: dictionarySchema(textSchema()),
    ipfs_links: linksSchema,
    cluster_links: linksSchema,
    cluster_trust_links: dictionarySchema(booleanSchema),
    cluster_to_ipfs: dictionarySchema(textSchema('peer id')),
  },
  {
    cluster_health: dictionarySchema(graphPeerSchema),
    /** From whom, to whom. */
    cluster_edges: dictionarySchema(dictionarySchema(graphEdgeSchema)),
  },
)
/** JSON of who is connected to whom. */
export type ConnectGraphJson = ValueOf<typeof connectGraphJsonSchema>
/** JSON of what the answering peer makes of a member. */
export type GraphPeerJson = ValueOf<typeof graphPeerSchema>
/** JSON of what one peer makes of another. */
export type GraphEdgeJson = ValueOf<typeof graphEdgeSchema>

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
    ...(graph.health.size === 0 ? {} : { cluster_health: healthOf(graph), cluster_edges: edgesOf(graph) }),
  }
}

function healthOf({ health, failures }: ConnectGraph): Readonly<Record<string, GraphPeerJson>> {
  const peers = [...health.values()].map(({ peer, condition, phi, heardAtMs }) => {
    const error = failures.get(peer)
    const json = { condition, phi: rounded(phi), heard_at: formatTime(heardAtMs) }
    return [peer, error === undefined ? json : { ...json, error }] as const
  })
  return sorted(new Map(peers))
}

function edgesOf({
  sights,
  clusterLinks,
}: ConnectGraph): Readonly<Record<string, Readonly<Record<string, GraphEdgeJson>>>> {
  const byPeer = [...sights].map(([from, seen]) => {
    const linked = new Set(clusterLinks.get(from))
    const edges = seen.map(({ peer, condition, phi, isTrusted, latencyMs }) => {
      const edge = { connected: linked.has(peer), condition, phi: rounded(phi), trusted: isTrusted }
      return [peer, latencyMs === undefined ? edge : { ...edge, latency_ms: rounded(latencyMs) }] as const
    })
    return [from, sorted(new Map<PeerId, GraphEdgeJson>(edges))] as const
  })
  return sorted(new Map(byPeer))
}

function rounded(value: number): number {
  return Math.round(value * 100) / 100
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
