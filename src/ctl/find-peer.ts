import { type PeerId, parsePeerId } from '../model/peer.ts'
import type { CommandContext } from './command.ts'
import { CommandError } from './command-error.ts'

const DOING = 'finding the peer'
/** Peers that an error lists. */
const LISTED_MAX = 20

/**
 * The only argument, a peer id or the name of one peer that the asked one knows, dead or alive. A second one is refused: who
 * gives it takes the command for done on both.
 */
export async function findPeer(args: readonly string[], context: CommandContext): Promise<PeerId> {
  const [text = '', ...others] = args
  if (others.length > 0) throw new CommandError(DOING, `name one peer at a time, not ${args.length}`)
  if (text === '') throw new CommandError(DOING, 'give a peer id, or the name of a peer')
  const id = toPeerId(text)
  if (id !== undefined) return id
  const known = await context.client.knownPeers({}, context)
  const [named, ...more] = known.filter(({ peername }) => peername === text)
  if (named === undefined)
    throw new CommandError(
      DOING,
      `"${text.slice(0, 120)}" is neither a peer id nor the name of a known peer. Known are:${listed(known)}`,
    )
  if (more.length > 0)
    throw new CommandError(
      DOING,
      `"${text}" is the name of ${1 + more.length} peers: give the id of one.${listed([named, ...more])}`,
    )
  return named.peer
}

function toPeerId(text: string): PeerId | undefined {
  try {
    return parsePeerId(text)
  } catch {
    // Then it is a name.
    return undefined
  }
}

interface Known {
  readonly peer: PeerId
  readonly peername: string
  readonly condition: string
}

function listed(peers: readonly Known[]): string {
  const lines = peers
    .slice(0, LISTED_MAX)
    .map(({ peer, peername, condition }) => `\n  ${peer} | ${peername} | ${condition}`)
  const restCount = peers.length - lines.length
  return lines.join('') + (restCount > 0 ? `\n  and ${restCount} more: see "health peers"` : '')
}
