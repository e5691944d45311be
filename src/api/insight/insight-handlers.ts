import type { Cluster, Options } from '../../interfaces.ts'
import { parseCid } from '../../model/cid.ts'
import type { PeerPinSummary } from '../../model/pin-summary.ts'
import { toSummaryJson } from '../../model/summary-json.ts'
import { toWhyJson } from '../../model/why-json.ts'
import type { Handlers, Routes } from '../routes.ts'

/** Answers to the routes on what goes on in the cluster, and why. */
export function insightHandlers(cluster: Cluster): Pick<Handlers<Routes, Options>, 'summary' | 'why'> {
  return {
    async summary({ query }, { signal }) {
      const peers: PeerPinSummary[] = []
      for await (const peer of cluster.summaries({ local: query?.local === 'true', signal })) peers.push(peer)
      return toSummaryJson(cluster.pinset().pinsCount, peers)
    },
    async why({ params, query }, { signal }) {
      return toWhyJson(await cluster.why(parseCid(params.hash), { local: query?.local === 'true', signal }))
    },
  }
}
