import {
  booleanSchema,
  integerSchema,
  listSchema,
  objectSchema,
  textSchema,
  type ValueOf,
} from '../lib/json-schema.ts'
import type { PeerPinset, TrustState } from './pinset-state.ts'

/** JSON of whom a peer trusts. */
export const trustJsonSchema = objectSchema({
  configured: listSchema(textSchema('peer id, or * for every peer')),
  changes: listSchema(objectSchema({ peer: textSchema('peer id'), trusted: booleanSchema })),
  trusted_by_cluster: booleanSchema,
})
/** JSON of whom a peer trusts. */
export type TrustJson = ValueOf<typeof trustJsonSchema>

/** JSON of a peer's pinset. */
export const pinsetJsonSchema = objectSchema({
  peer: textSchema('peer id'),
  peername: textSchema(),
  pins: integerSchema,
  digest: textSchema('equal on two peers exactly when their pinsets and what was said of trust are'),
  partitions_behind: integerSchema,
  read_only: textSchema("why no writes are taken; '' when they are"),
  trusted_by_cluster: booleanSchema,
  error: textSchema("'' when the peer answered"),
})
/** JSON of a peer's pinset. */
export type PinsetJson = ValueOf<typeof pinsetJsonSchema>

/** JSON of whom a peer trusts; changes in the order of peer ids. */
export function toTrustJson({ configured, changed, isSelfTrusted }: TrustState): TrustJson {
  const changes = [...changed].map(([peer, trusted]) => ({ peer, trusted }))
  return {
    configured,
    changes: changes.sort((a, b) => (a.peer < b.peer ? -1 : 1)),
    trusted_by_cluster: isSelfTrusted,
  }
}

/** JSON of a peer's pinset. */
export function toPinsetJson(pinset: PeerPinset): PinsetJson {
  return {
    peer: pinset.peer,
    peername: pinset.peername,
    pins: pinset.pinsCount,
    digest: pinset.rootDigest,
    partitions_behind: pinset.behindCount,
    read_only: pinset.readOnly ?? '',
    trusted_by_cluster: pinset.isSelfTrusted,
    error: pinset.error,
  }
}
