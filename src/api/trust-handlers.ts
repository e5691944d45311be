import { ClusterError } from '../errors.ts'
import type { Cluster, Options } from '../interfaces.ts'
import { mapPages } from '../lib/pages.ts'
import { parsePeerId } from '../model/peer.ts'
import { toPinsetJson, toTrustJson } from '../model/pinset-json.ts'
import type { Handlers, Routes } from './routes.ts'

/** Answers to the routes on trust and on the state of the pinset. */
export function trustHandlers(
  cluster: Cluster,
): Pick<Handlers<Routes, Options>, 'trust' | 'trustPeer' | 'distrustPeer' | 'pinset' | 'pinsets'> {
  const set = async (text: string, isTrusted: boolean, options: Options) => {
    await cluster.setTrusted(parsePeerId(text), isTrusted, options)
    return toTrustJson(cluster.trust())
  }
  return {
    trust: async () => toTrustJson(cluster.trust()),
    async trustPeer({ body }, options) {
      const text: unknown = body?.peer_id
      if (typeof text !== 'string')
        throw new ClusterError('INVALID_ARGUMENT', 'error decoding peer_id: send {"peer_id": "<peer id>"}')
      return set(text, true, options)
    },
    distrustPeer: ({ params }, options) => set(params.peer, false, options),
    pinset: async () => toPinsetJson(cluster.pinset()),
    pinsets: (_input, options) => mapPages(cluster.pinsets(options), page => page.map(toPinsetJson)),
  }
}
