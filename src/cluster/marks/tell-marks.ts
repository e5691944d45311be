import type { PeerId } from '../../model/peer.ts'
import { type PeerMark, saysNothing } from '../../model/peer-mark.ts'
import type { ClusterComponents } from '../components.ts'

/** What telling needs. */
export interface TellMarksComponents extends Pick<ClusterComponents, 'logger' | 'marks' | 'self'> {
  readonly monitor: Pick<ClusterComponents['monitor'], 'onHealth'>
}

/**
 * Says in the log what operators say of peers, wherever they said it; with a warning at a peer that was removed and runs, and at
 * all others when it comes back. It stays outside until it is taken back: what it may write is a matter of trust, not of this.
 */
export function tellMarks({ logger, marks, monitor, self }: TellMarksComponents): Disposable {
  const stack = new DisposableStack()
  const tell = (mark: PeerMark) => {
    if (mark.isRemoved) tellRemoved(mark.peer)
    else if (!saysNothing(mark)) logger.info('operators have said something of a peer', { ...mark })
    else logger.info('nothing is said of a peer any more: it is a member like any other', { peer: mark.peer })
  }
  const tellRemoved = (peer: PeerId) => {
    if (peer === self)
      logger.warn(
        'this peer was removed from the cluster: its pins move to others and it gets no new ones. Stop it, or take it back with "peers uncordon"',
        { peer },
      )
    else logger.info('a peer was removed from the cluster', { peer })
  }
  for (const mark of marks.all()) if (mark.peer === self || mark.isRemoved) tell(mark)
  stack.use(marks.onChange(tell))
  const present = new Set<PeerId>()
  stack.use(
    monitor.onHealth(({ peer, condition }) => {
      const isGone = condition === 'unreachable' || condition === 'gone'
      if (isGone) present.delete(peer)
      if (isGone || peer === self || present.has(peer) || !marks.of(peer).isRemoved) return
      present.add(peer)
      logger.warn(
        'a peer that was removed from the cluster is back: it gets nothing. Stop it, or take it back with "peers uncordon"',
        { peer },
      )
    }),
  )
  return stack
}
