import { ClusterError } from '../../errors.ts'
import type { PeerId } from '../../model/peer.ts'
import type { ChoiceRequest } from '../choose-peers.ts'

/** The peers for a pin that is to be moved, or why there are none: then it stays where it is. */
export function tryToChoose(
  choose: (request: ChoiceRequest) => readonly PeerId[],
  request: ChoiceRequest,
): readonly PeerId[] | ClusterError {
  try {
    return choose(request)
  } catch (thrown) {
    if (thrown instanceof ClusterError) return thrown
    throw thrown
  }
}
