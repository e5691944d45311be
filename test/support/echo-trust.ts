import type { CallOptions, Client } from '../../src/api/client.ts'
import type { Cluster } from '../../src/interfaces.ts'
import type { PeerId } from '../../src/model/peer.ts'
import type { PeerPinset } from '../../src/model/pinset-state.ts'
import { collect } from './rest-server.ts'

/** How a peer's pinset may be. */
export const EXAMPLE_PINSET: PeerPinset = {
  peer: 'x',
  peername: 'ü',
  pinsCount: 3,
  rootDigest: '0f',
  behindCount: 1,
  readOnly: undefined,
  isSelfTrusted: true,
  error: '',
}

type Members = 'trust' | 'setTrusted' | 'pinset' | 'pinsets'

/** A cluster's answers on trust and pinsets: what is set is answered, and the peer's pinset is the example. */
export function echoTrust(peer: PeerId): Pick<Cluster, Members> {
  const changed = new Map<PeerId, boolean>()
  return {
    trust: () => ({ configured: [peer], changed, isSelfTrusted: true }),
    setTrusted: async (peer, isTrusted) => void changed.set(peer, isTrusted),
    pinset: () => EXAMPLE_PINSET,
    async *pinsets() {
      yield { ...EXAMPLE_PINSET, readOnly: 'the disk is full', isSelfTrusted: false }
    },
  }
}

/** What a client gets on each route of trust and pinsets. */
export async function askTrust(client: Client, peer: PeerId, options: CallOptions) {
  return {
    trustPeer: await client.trustPeer({ body: { peer_id: peer } }, options),
    distrustPeer: await client.distrustPeer({ params: { peer } }, options),
    trust: await client.trust({}, options),
    pinset: await client.pinset({}, options),
    pinsets: await collect(client.pinsets({}, options)),
  }
}
