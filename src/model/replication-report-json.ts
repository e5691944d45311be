import {
  booleanSchema,
  choiceSchema,
  integerSchema,
  listSchema,
  objectSchema,
  textSchema,
  type ValueOf,
} from '../lib/json-schema.ts'
import { formatCid } from './cid.ts'
import { COPY_STATES, type ReplicationReport } from './replication-report.ts'

/** JSON of how many pins have how many live copies. */
export const replicationJsonSchema = objectSchema({
  checked: booleanSchema,
  pins: integerSchema,
  none: integerSchema,
  under: integerSchema,
  partial: integerSchema,
  full: integerSchema,
  peers: listSchema(
    objectSchema({
      peer: textSchema('peer id'),
      peername: textSchema(),
      live: booleanSchema,
      allocated: integerSchema,
      sole: integerSchema,
    }),
  ),
  cids: listSchema(
    objectSchema({
      cid: textSchema('CID'),
      name: textSchema(),
      state: choiceSchema(COPY_STATES),
      copies: integerSchema,
      wanted_min: integerSchema,
      wanted_max: integerSchema,
      allocations: listSchema(textSchema('peer id')),
    }),
  ),
})
/** JSON of how many pins have how many live copies. */
export type ReplicationJson = ValueOf<typeof replicationJsonSchema>

/** JSON of a report. */
export function toReplicationJson({
  isChecked,
  pinsCount,
  counts,
  peers,
  pins,
}: ReplicationReport): ReplicationJson {
  return {
    checked: isChecked,
    pins: pinsCount,
    ...counts,
    peers: peers.map(({ peer, peername, isLive, allocatedCount, soleCount }) => ({
      peer,
      peername,
      live: isLive,
      allocated: allocatedCount,
      sole: soleCount,
    })),
    cids: pins.map(({ cid, name, state, copies, wantedMin, wantedMax, allocations }) => ({
      cid: formatCid(cid),
      name,
      state,
      copies,
      wanted_min: wantedMin,
      wanted_max: wantedMax,
      allocations,
    })),
  }
}
