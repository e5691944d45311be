import type { Options, Scope } from '../interfaces.ts'
import type { PeerId } from '../model/peer.ts'
import type { PeerPinSummary, PinSummary } from '../model/pin-summary.ts'
import type { ClusterConfig } from './config.ts'
import { fanOut, onlyAnswer } from './fan-out.ts'
import type { StatusComponents } from './status.ts'

/** A peer looks through its whole pinset, and may have to list the pins of its IPFS node before. */
const LIMIT_MS = 300_000
const NOTHING: PinSummary = {
  pinsCount: 0,
  statuses: new Map(),
  reasons: new Map(),
  givenUpCount: 0,
  ipfsFailure: '',
}

/** The counts of every live peer as it answers; those that fail come last, with `error`. A follower counts for itself. */
export async function* listSummaries(
  { clock, monitor, rpc, self, tracker }: StatusComponents,
  config: Pick<ClusterConfig, 'isFollower'>,
  { local, signal }: Scope,
): AsyncGenerator<PeerPinSummary> {
  const members = local || config.isFollower ? [self] : monitor.peers()
  const ask = async (peer: PeerId, options: Options) =>
    peer === self ? tracker.summary(options) : onlyAnswer(rpc.call(peer, 'summary', undefined, options))
  const failed: PeerPinSummary[] = []
  for await (const answer of fanOut(members, ask, { signal, clock, limitMs: LIMIT_MS })) {
    const { peer } = answer
    const peername = monitor.hello(peer)?.peername ?? ''
    if ('value' in answer) yield { ...answer.value, peer, peername, error: '' }
    else failed.push({ ...NOTHING, peer, peername, error: answer.error.message })
  }
  yield* failed
}
