import { messageOf } from '../../errors.ts'
import { parsePeerId } from '../../model/peer.ts'
import { defineCommand } from '../command.ts'
import { CommandError } from '../command-error.ts'

/** `peers rm` */
export const peersRm = defineCommand({
  path: ['peers', 'rm'],
  summary: 'remove a peer: refused, since peers are members for as long as they live',
  details: 'Stop the peer instead. To keep what it alone held, pin that again while the peer still runs.',
  options: [],
  args: '<peer ID>',
  examples: ['peers rm 12D3KooWFBFCDQzAkQSwPZLV883pKdsmb6urQ3sMjfJHUxn5GCVv'],
  async run({ args }, context) {
    await context.client.removePeer({ params: { peer: parsePeer(args[0] ?? '') } }, context)
  },
})

function parsePeer(text: string): string {
  try {
    return parsePeerId(text)
  } catch (cause) {
    throw new CommandError('parsing peer ID', messageOf(cause), { cause })
  }
}
