import { messageOf } from '../errors.ts'
import { type PeerId, parsePeerId } from '../model/peer.ts'
import { CommandError } from './command-error.ts'

/** The only argument, a peer id. A second one is refused: who gives it takes the command for done on both. */
export function parsePeerArgument(args: readonly string[]): PeerId {
  const [text = '', ...others] = args
  if (others.length > 0)
    throw new CommandError('parsing peer ID', `name one peer at a time, not ${args.length}`)
  try {
    return parsePeerId(text)
  } catch (cause) {
    throw new CommandError('parsing peer ID', messageOf(cause), { cause })
  }
}
