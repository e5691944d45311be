import { ClusterError } from '../../errors.ts'
import type { Cluster, Options } from '../../interfaces.ts'
import type { Clock } from '../../lib/clock.ts'
import { Pages } from '../../lib/pages.ts'
import { toAllocationExplanationJson } from '../../model/allocation-json.ts'
import { parseCid } from '../../model/cid.ts'
import type { ClusterEvent } from '../../model/cluster-event.ts'
import { type EventJson, toEventJson } from '../../model/event-json.ts'
import type { PeerPinSummary } from '../../model/pin-summary.ts'
import { toSummaryJson } from '../../model/summary-json.ts'
import { toWhyJson } from '../../model/why-json.ts'
import { parsePinOptions, toQuery } from '../query.ts'
import type { Handlers, Routes } from '../routes.ts'
import { parseEventQuery } from './event-query.ts'

/** Answers to the routes on what goes on in the cluster, and why. */
export function insightHandlers(
  cluster: Cluster,
  clock: Pick<Clock, 'now'>,
): Pick<Handlers<Routes, Options>, 'summary' | 'why' | 'explainAllocation' | 'events'> {
  return {
    async summary({ query }, { signal }) {
      const peers: PeerPinSummary[] = []
      for await (const peer of cluster.summaries({ local: query?.local === 'true', signal })) peers.push(peer)
      return toSummaryJson(cluster.pinset().pinsCount, peers)
    },
    events: ({ query }, options) => new Pages(toPages(cluster.events(parseEventQuery(query ?? {}), options))),
    async why({ params, query }, { signal }) {
      return toWhyJson(await cluster.why(parseCid(params.hash), { local: query?.local === 'true', signal }))
    },
    async explainAllocation({ params, query }, { signal }) {
      const cid = parseCid(params.hash)
      const options = parsePinOptions(toQuery(query), clock.now())
      try {
        return toAllocationExplanationJson(cid, await cluster.explainAllocation(cid, { ...options, signal }))
      } catch (thrown) {
        throw asBadInput(thrown)
      }
    },
  }
}

/** Nothing is changed here that could be refused: what pinning would refuse is wrong with the question. */
function asBadInput(thrown: unknown): unknown {
  const isRefused = thrown instanceof ClusterError && thrown.code === 'REFUSED'
  return isRefused ? new ClusterError('INVALID_ARGUMENT', thrown.message, { cause: thrown }) : thrown
}

async function* toPages(pages: AsyncIterable<readonly ClusterEvent[]>): AsyncGenerator<readonly EventJson[]> {
  for await (const page of pages) yield page.map(toEventJson)
}
