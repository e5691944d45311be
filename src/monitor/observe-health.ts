import type { Instruments } from '../lib/instruments.ts'
import type { PeerId } from '../model/peer.ts'
import { PEER_CONDITIONS } from '../model/peer-health.ts'
import type { MONITOR_METRICS } from './metrics.ts'
import type { PeerWatch } from './peer-watch.ts'

/** Suspicion is told as a metric of so many peers. */
const PHI_PEERS_MAX = 100

/** Lets the metrics tell who is there, how everybody is, and how much each is suspected. */
export function observeHealth(
  { peers, conditions, phi, patience }: Instruments<typeof MONITOR_METRICS>,
  watch: Pick<PeerWatch, 'health' | 'patience' | 'present'>,
  self: PeerId,
): void {
  const others = () => watch.health().filter(({ peer }) => peer !== self)
  peers.observe(() => watch.present().length)
  patience.observe(() => watch.patience)
  conditions.observeEach(() => {
    const health = others()
    return PEER_CONDITIONS.map(condition => [
      { condition },
      health.filter(each => each.condition === condition).length,
    ])
  })
  phi.observeEach(() =>
    others()
      .sort((a, b) => b.phi - a.phi)
      .slice(0, PHI_PEERS_MAX)
      .map(each => [{ peer: each.peer }, each.phi]),
  )
}
