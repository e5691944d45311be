import { messageOf } from '../errors.ts'
import { type PeerId, parsePeerId } from '../model/peer.ts'
import { CommandError } from './command-error.ts'

/** An argument that is a peer id. */
export function parsePeerArgument(text: string): PeerId {
  try {
    return parsePeerId(text)
  } catch (cause) {
    throw new CommandError('parsing peer ID', messageOf(cause), { cause })
  }
}
