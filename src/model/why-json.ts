import {
  booleanSchema,
  choiceSchema,
  dictionarySchema,
  integerSchema,
  listSchema,
  objectSchema,
  textSchema,
  type ValueOf,
} from '../lib/json-schema.ts'
import { formatCid } from './cid.ts'
import { adviceOn, adviceOnFailure } from './pin-advice.ts'
import { PIN_STATUSES } from './pin-status.ts'
import type { GlobalWhy, PeerWhy } from './pin-why.ts'
import { formatTime } from './time-json.ts'

const peerWhyJsonSchema = objectSchema(
  {
    peername: textSchema(),
    status: choiceSchema(PIN_STATUSES),
    wants: choiceSchema(['recursive', 'direct', 'nothing', 'unknown']),
    has: choiceSchema(['recursive', 'direct', 'nothing', 'unknown']),
    attempts: integerSchema,
    error: textSchema("'' when there is none"),
    reason: textSchema("code of the failure; '' when there is none"),
    given_up: booleanSchema,
    ipfs_error: textSchema("why its IPFS node is not asked at present; '' when it answers"),
    advice: textSchema("what an operator can do; '' for nothing"),
  },
  {
    since: textSchema('RFC 3339'),
    next_attempt: textSchema('RFC 3339; absent when none has a time'),
    last_error: textSchema('how the last attempt failed, also while the next one is under way'),
    last_reason: textSchema('its code'),
    last_failed: textSchema('RFC 3339; when that was'),
    blocks: { ...integerSchema, description: 'how many are there, of a pin under way' },
  },
)

/** JSON of what every peer wants, has and tried of a CID. */
export const whyJsonSchema = objectSchema({
  cid: textSchema('CID'),
  in_pinset: booleanSchema,
  name: textSchema(),
  allocations: listSchema(textSchema('peer id')),
  replication_factor_min: integerSchema,
  replication_factor_max: integerSchema,
  peers: dictionarySchema(peerWhyJsonSchema),
  no_room: textSchema("what becomes of it where a peer that is to keep it has no room; '' where all have"),
})
/** JSON of what every peer wants, has and tried of a CID. */
export type WhyJson = ValueOf<typeof whyJsonSchema>
/** The same of one peer. */
export type PeerWhyJson = ValueOf<typeof peerWhyJsonSchema>

/** JSON of what every peer wants, has and tried of a CID. */
export function toWhyJson({ cid, pin, peers, noRoom }: GlobalWhy): WhyJson {
  return {
    cid: formatCid(cid),
    in_pinset: pin !== undefined,
    name: pin?.name ?? '',
    allocations: pin?.allocations ?? [],
    replication_factor_min: pin?.replicationMin ?? 0,
    replication_factor_max: pin?.replicationMax ?? 0,
    peers: Object.fromEntries([...peers].map(([peer, why]) => [peer, toPeerWhyJson(why)])),
    no_room: noRoom,
  }
}

function toPeerWhyJson(peer: PeerWhy): PeerWhyJson {
  const { peername } = peer
  if ('error' in peer) {
    const { code, message } = peer.error
    return {
      peername,
      status: 'cluster_error',
      wants: 'unknown',
      has: 'unknown',
      attempts: 0,
      error: message,
      reason: code,
      given_up: false,
      ipfs_error: '',
      advice: code === 'TIMEOUT' ? adviceOnFailure('PEER_UNREACHABLE') : adviceOnFailure(code),
    }
  }
  const { info, wants, has, ipfsFailure, lastFailure } = peer.why
  return {
    peername,
    status: info.status,
    wants,
    has,
    attempts: info.attemptCount,
    error: info.error,
    reason: info.reason ?? '',
    given_up: info.isGivenUp === true,
    ipfs_error: ipfsFailure,
    advice: adviceOn(peer.why),
    since: formatTime(info.timestampMs),
    ...(info.nextAttemptMs === undefined ? {} : { next_attempt: formatTime(info.nextAttemptMs) }),
    ...(lastFailure === undefined
      ? {}
      : {
          last_error: lastFailure.error,
          last_reason: lastFailure.reason,
          last_failed: formatTime(lastFailure.atMs),
        }),
    ...(info.blocksCount === undefined ? {} : { blocks: info.blocksCount }),
  }
}
