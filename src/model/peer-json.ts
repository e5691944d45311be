import { listSchema, nullableSchema, objectSchema, textSchema, type ValueOf } from '../lib/json-schema.ts'
import type { IpfsId, PeerInfo } from './peer.ts'
import { careMembers, toCareJson } from './peer-care-json.ts'

const addressesSchema = nullableSchema(listSchema(textSchema('multiaddr')))

/** JSON of what a peer says of itself. */
export const peerJsonSchema = objectSchema(
  {
    id: textSchema('peer id'),
    addresses: addressesSchema,
    cluster_peers: nullableSchema(listSchema(textSchema('peer id'))),
    cluster_peers_addresses: addressesSchema,
    version: textSchema(),
    commit: textSchema('always empty'),
    rpc_protocol_version: textSchema(),
    error: textSchema("'' when the peer answered"),
    ipfs: objectSchema({ addresses: addressesSchema, error: textSchema() }, { id: textSchema('peer id') }),
    peername: textSchema(),
  },
  careMembers,
)
/** JSON of what a peer says of itself. */
export type PeerJson = ValueOf<typeof peerJsonSchema>

/** JSON of a peer; lists of a peer that did not answer are null. */
export function toPeerJson(peer: PeerInfo): PeerJson {
  const list = (items: readonly string[]) => (items.length === 0 && peer.error !== '' ? null : items)
  return {
    id: peer.id,
    addresses: list(peer.addresses),
    cluster_peers: list(peer.clusterPeers),
    cluster_peers_addresses: list(peer.clusterPeersAddresses),
    version: peer.version,
    commit: '',
    rpc_protocol_version: peer.rpcProtocolVersion,
    error: peer.error,
    ipfs: toIpfsJson(peer.ipfs),
    peername: peer.peername,
    ...(peer.care === undefined ? {} : toCareJson(peer.care)),
  }
}

function toIpfsJson(ipfs: IpfsId): PeerJson['ipfs'] {
  if (ipfs.id === undefined) return { addresses: null, error: ipfs.error }
  return { id: ipfs.id, addresses: ipfs.addresses, error: ipfs.error }
}
