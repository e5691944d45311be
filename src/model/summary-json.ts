import {
  dictionarySchema,
  integerSchema,
  objectSchema,
  textSchema,
  type ValueOf,
} from '../lib/json-schema.ts'
import type { PeerPinSummary } from './pin-summary.ts'

const counts = {
  statuses: dictionarySchema(integerSchema),
  reasons: dictionarySchema(integerSchema),
  given_up: integerSchema,
}

const peerSummaryJsonSchema = objectSchema({
  peername: textSchema(),
  error: textSchema("why it did not answer; '' when it did"),
  ipfs_error: textSchema("why its IPFS node is not asked at present; '' when it answers"),
  pins: integerSchema,
  ...counts,
})

/** JSON of counts: `statuses` and `reasons` add up those of the peers, so that a CID on three peers counts three times. */
export const summaryJsonSchema = objectSchema({
  pins: integerSchema,
  ...counts,
  peers: dictionarySchema(peerSummaryJsonSchema),
})
/** JSON of counts. */
export type SummaryJson = ValueOf<typeof summaryJsonSchema>

/** JSON of the counts of all peers; `pinsCount` is how many entries the pinset has. */
export function toSummaryJson(pinsCount: number, peers: readonly PeerPinSummary[]): SummaryJson {
  const sorted = peers.toSorted((a, b) => (a.peer < b.peer ? -1 : 1))
  return {
    pins: pinsCount,
    statuses: sum(peers.map(({ statuses }) => statuses)),
    reasons: sum(peers.map(({ reasons }) => reasons)),
    given_up: peers.reduce((all, { givenUpCount }) => all + givenUpCount, 0),
    peers: Object.fromEntries(
      sorted.map(summary => [
        summary.peer,
        {
          peername: summary.peername,
          error: summary.error,
          ipfs_error: summary.ipfsFailure,
          pins: summary.pinsCount,
          statuses: sum([summary.statuses]),
          reasons: sum([summary.reasons]),
          given_up: summary.givenUpCount,
        },
      ]),
    ),
  }
}

/** One count for each key, most first. */
function sum(counted: readonly ReadonlyMap<string, number>[]): Readonly<Record<string, number>> {
  const sums = new Map<string, number>()
  for (const counts of counted) {
    for (const [key, count] of counts) sums.set(key, (sums.get(key) ?? 0) + count)
  }
  return Object.fromEntries([...sums].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1)))
}
