import {
  booleanSchema,
  choiceSchema,
  dictionarySchema,
  integerSchema,
  listSchema,
  nullableSchema,
  objectSchema,
  textSchema,
  type ValueOf,
} from '../lib/json-schema.ts'
import { formatCid } from './cid.ts'
import { toMetadataJson } from './pin-json.ts'
import { type GlobalPinInfo, type PeerPinInfo, PIN_STATUSES } from './pin-status.ts'
import { formatTime } from './time-json.ts'

const peerPinInfoJsonSchema = objectSchema(
  {
    peername: textSchema(),
    status: choiceSchema(PIN_STATUSES),
    timestamp: textSchema('RFC 3339'),
    error: textSchema("'' when there is none"),
    attempt_count: integerSchema,
    priority_pin: booleanSchema,
  },
  {
    ipfs_peer_id: textSchema('peer id'),
    ipfs_peer_addresses: listSchema(textSchema('multiaddr')),
    reason: textSchema('code of the error'),
    next_attempt: textSchema('RFC 3339; when it is tried again'),
    given_up: booleanSchema,
    blocks: { ...integerSchema, description: 'how many are there, of a pin under way' },
  },
)

/** JSON of the state of one CID on every peer. */
export const globalPinInfoJsonSchema = objectSchema({
  cid: textSchema('CID'),
  name: textSchema(),
  allocations: nullableSchema(listSchema(textSchema('peer id'))),
  origins: nullableSchema(listSchema(textSchema('multiaddr'))),
  created: textSchema('RFC 3339'),
  metadata: nullableSchema(dictionarySchema(textSchema())),
  peer_map: dictionarySchema(peerPinInfoJsonSchema),
})
/** JSON of the state of one CID on every peer. */
export type GlobalPinInfoJson = ValueOf<typeof globalPinInfoJsonSchema>
/** JSON of the state of one CID on one peer. */
export type PeerPinInfoJson = ValueOf<typeof peerPinInfoJsonSchema>

/** JSON of a state; `isLocal` says that only the answering peer was asked. */
export function toGlobalPinInfoJson(info: GlobalPinInfo, isLocal: boolean): GlobalPinInfoJson {
  const { pin } = info
  const peers = [...info.peers].sort(([a], [b]) => (a < b ? -1 : 1))
  return {
    cid: formatCid(info.cid),
    name: pin?.name ?? '',
    allocations: pin?.allocations ?? (isLocal ? null : []),
    origins: pin?.origins ?? null,
    created: formatTime(info.createdMs),
    metadata: pin === undefined ? null : toMetadataJson(pin.metadata),
    peer_map: Object.fromEntries(peers.map(([peer, state]) => [peer, toPeerPinInfoJson(state)])),
  }
}

function toPeerPinInfoJson(info: PeerPinInfo): PeerPinInfoJson {
  return {
    peername: info.peername,
    ...(info.ipfsPeerId === undefined ? {} : { ipfs_peer_id: info.ipfsPeerId }),
    ...(info.ipfsPeerAddresses.length === 0 ? {} : { ipfs_peer_addresses: info.ipfsPeerAddresses }),
    status: info.status,
    timestamp: formatTime(info.timestampMs),
    error: info.error,
    attempt_count: info.attemptCount,
    priority_pin: info.isPriority,
    ...(info.reason === undefined ? {} : { reason: info.reason }),
    ...(info.nextAttemptMs === undefined ? {} : { next_attempt: formatTime(info.nextAttemptMs) }),
    ...(info.isGivenUp === undefined ? {} : { given_up: true }),
    ...(info.blocksCount === undefined ? {} : { blocks: info.blocksCount }),
  }
}
