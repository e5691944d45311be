import { hash } from 'node:crypto'
import type { PeerId } from '../model/peer.ts'

/**
 * The Yjs client id of a writer: 52 bits of a hash over peer id and incarnation, so that nobody else has it by chance
 * and everybody can check that an update is its signer's own. Yjs itself draws 32 bits; its encoding takes 53.
 */
export function clientIdOf(peer: PeerId, incarnation: number): number {
  const digest = hash('sha256', `pinfold-client/${peer}/${incarnation}`, 'buffer')
  return digest.readUIntBE(0, 6) * 16 + ((digest[6] ?? 0) >> 4)
}
