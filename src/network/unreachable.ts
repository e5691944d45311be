import { ClusterError, messageOf } from '../errors.ts'
import type { PeerId } from '../model/peer.ts'

/** `PEER_UNREACHABLE` that names the peer and why; a `ClusterError` goes through as it is. */
export function toUnreachable(peer: PeerId, thrown: unknown): ClusterError {
  if (thrown instanceof ClusterError) return thrown
  return new ClusterError('PEER_UNREACHABLE', `peer ${peer} cannot be reached: ${reasonOf(thrown)}`, {
    cause: thrown,
    details: { peer },
  })
}

function reasonOf(thrown: unknown): string {
  if (thrown instanceof AggregateError) return [...new Set(thrown.errors.map(reasonOf))].join('; ')
  return messageOf(thrown)
}
