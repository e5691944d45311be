import {
  choiceSchema,
  dictionarySchema,
  integerSchema,
  listSchema,
  objectSchema,
  textSchema,
  type ValueOf,
} from '../lib/json-schema.ts'
import { type AllocationExplanation, PEER_VERDICTS } from './allocation-request.ts'
import { type Cid, formatCid } from './cid.ts'

const explainedPeerJsonSchema = objectSchema(
  {
    peer: textSchema('peer id'),
    peername: textSchema(),
    verdict: choiceSchema(PEER_VERDICTS),
    reason: textSchema('goes on after the name of the peer'),
    metrics: dictionarySchema(textSchema('value of a metric')),
  },
  { rank: { ...integerSchema, description: 'place among those that could be chosen, from 1' } },
)

/** JSON of where a pin would be allocated, and why. */
export const allocationExplanationJsonSchema = objectSchema({
  cid: textSchema('CID'),
  in_pinset: { type: 'boolean', description: 'whether it is pinned already' },
  current: listSchema(textSchema('peer id')),
  replication_factor_min: integerSchema,
  replication_factor_max: integerSchema,
  allocations: listSchema(textSchema('peer id; none = every peer, or there is an error')),
  error: textSchema("why it is not possible; '' when it is"),
  peers: listSchema(explainedPeerJsonSchema),
})
/** JSON of where a pin would be allocated, and why. */
export type AllocationExplanationJson = ValueOf<typeof allocationExplanationJsonSchema>

/** JSON of where a pin would be allocated, and why. */
export function toAllocationExplanationJson(
  cid: Cid,
  explanation: AllocationExplanation,
): AllocationExplanationJson {
  return {
    cid: formatCid(cid),
    in_pinset: explanation.isPinned,
    current: explanation.current,
    replication_factor_min: explanation.replicationMin,
    replication_factor_max: explanation.replicationMax,
    allocations: explanation.allocations,
    error: explanation.error ?? '',
    peers: explanation.peers.map(({ peer, peername, verdict, reason, rank, metrics }) => ({
      peer,
      peername,
      verdict,
      reason,
      metrics: Object.fromEntries([...metrics].sort(([a], [b]) => (a < b ? -1 : 1))),
      ...(rank === undefined ? {} : { rank }),
    })),
  }
}
