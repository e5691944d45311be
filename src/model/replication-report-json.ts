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
  held: { ...integerSchema, description: 'pins with a copy that is held only until others have it' },
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
      held: { ...integerSchema, description: 'of the copies, those that are held only until others have it' },
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
  heldCount,
  counts,
  peers,
  pins,
}: ReplicationReport): ReplicationJson {
  return {
    checked: isChecked,
    pins: pinsCount,
    ...counts,
    held: heldCount,
    peers: peers.map(({ peer, peername, isLive, allocatedCount, soleCount }) => ({
      peer,
      peername,
      live: isLive,
      allocated: allocatedCount,
      sole: soleCount,
    })),
    cids: pins.map(({ cid, name, state, copies, held, wantedMin, wantedMax, allocations }) => ({
      cid: formatCid(cid),
      name,
      state,
      copies,
      held,
      wanted_min: wantedMin,
      wanted_max: wantedMax,
      allocations,
    })),
  }
}
