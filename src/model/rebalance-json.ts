import {
  choiceSchema,
  integerSchema,
  listSchema,
  nullableSchema,
  numberSchema,
  objectSchema,
  textSchema,
  type ValueOf,
} from '../lib/json-schema.ts'
import { REBALANCE_STATES, type RebalancePlan, type RebalanceStatus } from './rebalance.ts'
import { formatTime } from './time-json.ts'

const aboutBytes = nullableSchema(integerSchema)

/** JSON of what a rebalance would do. Bytes are estimates; null = the size of a repository is not known. */
export const rebalancePlanJsonSchema = objectSchema({
  pins: integerSchema,
  copies: integerSchema,
  bytes_about: aboutBytes,
  spread_before: numberSchema,
  spread_after: numberSchema,
  refused: integerSchema,
  peers: listSchema(
    objectSchema({
      peer: textSchema('peer id'),
      peername: textSchema(),
      pins_before: integerSchema,
      pins_after: integerSchema,
      pins_in: integerSchema,
      pins_out: integerSchema,
      bytes_in_about: aboutBytes,
      bytes_out_about: aboutBytes,
    }),
  ),
})
/** JSON of what a rebalance would do. */
export type RebalancePlanJson = ValueOf<typeof rebalancePlanJsonSchema>

/** JSON of how far a rebalance has come. */
export const rebalanceStatusJsonSchema = objectSchema({
  peer: textSchema('the peer that carries it out'),
  state: choiceSchema(REBALANCE_STATES),
  copies_planned: integerSchema,
  copies_moved: integerSchema,
  pins_moved: integerSchema,
  refused: integerSchema,
  pins_per_second: numberSchema,
  started_at: textSchema('time'),
  ended_at: textSchema('time; the zero time = it is under way'),
  reason: textSchema("why it stopped or failed; '' otherwise"),
})
/** JSON of how far a rebalance has come. */
export type RebalanceStatusJson = ValueOf<typeof rebalanceStatusJsonSchema>

/** JSON of a plan. */
export function toRebalancePlanJson(plan: RebalancePlan): RebalancePlanJson {
  return {
    pins: plan.pinsMoved,
    copies: plan.copiesMoved,
    bytes_about: plan.bytesMoved ?? null,
    spread_before: toPart(plan.spreadBefore),
    spread_after: toPart(plan.spreadAfter),
    refused: plan.refusedCount,
    peers: plan.peers.map(peer => ({
      peer: peer.peer,
      peername: peer.peername,
      pins_before: peer.pinsBefore,
      pins_after: peer.pinsAfter,
      pins_in: peer.pinsIn,
      pins_out: peer.pinsOut,
      bytes_in_about: peer.bytesIn ?? null,
      bytes_out_about: peer.bytesOut ?? null,
    })),
  }
}

const toPart = (part: number) => Math.round(part * 10_000) / 10_000

/** JSON of how far a rebalance has come. */
export function toRebalanceStatusJson(status: RebalanceStatus): RebalanceStatusJson {
  return {
    peer: status.peer,
    state: status.state,
    copies_planned: status.copiesPlanned,
    copies_moved: status.copiesMoved,
    pins_moved: status.pinsMoved,
    refused: status.refusedCount,
    pins_per_second: status.pinsPerSecond,
    started_at: formatTime(status.startedAtMs),
    ended_at: formatTime(status.endedAtMs),
    reason: status.reason,
  }
}
