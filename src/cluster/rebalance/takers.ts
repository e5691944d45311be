import type { PeerId } from '../../model/peer.ts'
import { takesNothing } from '../../model/peer-mark.ts'
import type { ClusterComponents } from '../components.ts'
import type { ClusterConfig } from '../config.ts'

/** What finding the peers among which is balanced needs. */
export type TakersComponents = Pick<ClusterComponents, 'consensus' | 'marks' | 'monitor'>

/** The peers that may be chosen for new content now: among them is balanced. Sorted. */
export function takersOf(
  { consensus, marks, monitor }: TakersComponents,
  { allocateBy, allocateTo }: Pick<ClusterConfig, 'allocateBy' | 'allocateTo'>,
): readonly PeerId[] {
  const measured = allocateBy.map(name => new Set(monitor.latest(name).map(({ peer }) => peer)))
  return monitor
    .health()
    .filter(({ condition }) => condition === 'alive')
    .map(({ peer }) => peer)
    .filter(peer => !takesNothing(marks.of(peer)))
    .filter(peer => allocateTo === 'any' || consensus.isTrusted(peer) === (allocateTo === 'trusted'))
    .filter(peer => measured.every(peers => peers.has(peer)))
    .sort()
}
