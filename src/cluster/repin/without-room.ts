import type { PeerId } from '../../model/peer.ts'
import type { Pin } from '../../model/pin.ts'
import type { ChoiceRequest } from '../choose-peers.ts'

/**
 * Asks for as many copies as a pin has, one of them elsewhere than on the one of these peers that is to keep it; the others are
 * those that cannot take its place.
 */
export function choiceWithout(pin: Pin, withoutRoom: ReadonlySet<PeerId>): ChoiceRequest {
  const { cid, allocations, userAllocations } = pin
  const max = pin.replicationMax <= 0 ? allocations.length : pin.replicationMax
  const others = allocations.length - 1
  // Fewer than are asked for are no reason not to save one; of more than are asked for it is the one to go.
  const count = others >= max ? others : allocations.length
  const replication = { min: count, max: count }
  return { cid, replication, existing: pin, preferred: userAllocations, withoutRoom }
}
