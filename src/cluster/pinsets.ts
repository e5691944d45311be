import type { ClusterError } from '../errors.ts'
import type { Options } from '../interfaces.ts'
import type { PeerId } from '../model/peer.ts'
import type { PeerPinset } from '../model/pinset-state.ts'
import type { ClusterComponents, LocalComponents } from './components.ts'
import { fanOut, onlyAnswer, PEER_LIMIT_MS } from './fan-out.ts'

/** What asking every peer for its pinset needs. */
export type PinsetsComponents = Pick<ClusterComponents, 'clock' | 'monitor' | 'rpc' | 'self'> & {
  readonly own: () => PeerPinset
}

/** How the pinset of this peer is. */
export function ownPinset({
  self,
  peername,
  consensus,
}: Pick<LocalComponents, 'consensus' | 'peername' | 'self'>): PeerPinset {
  const { trust, ...state } = consensus.state
  return { peer: self, peername, ...state, isSelfTrusted: trust.isSelfTrusted, error: '' }
}

/** The pinset of every live peer as it answers; those that fail come last, with `error`. */
export async function* listPinsets(
  { clock, monitor, rpc, self, own }: PinsetsComponents,
  { signal }: Options,
): AsyncGenerator<PeerPinset> {
  const ask = async (peer: PeerId, options: Options) =>
    peer === self ? own() : onlyAnswer(rpc.call(peer, 'pinset', undefined, options))
  const failed: PeerPinset[] = []
  for await (const answer of fanOut(monitor.peers(), ask, { signal, clock, limitMs: PEER_LIMIT_MS })) {
    if ('value' in answer) yield { ...answer.value, peer: answer.peer }
    else failed.push(unreachable(answer.peer, monitor.hello(answer.peer)?.peername ?? '', answer.error))
  }
  yield* failed
}

function unreachable(peer: PeerId, peername: string, { message }: ClusterError): PeerPinset {
  return {
    peer,
    peername,
    pinsCount: 0,
    rootDigest: '',
    behindCount: 0,
    readOnly: undefined,
    isSelfTrusted: false,
    error: message,
  }
}
