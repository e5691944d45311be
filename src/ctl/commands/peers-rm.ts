import { defineCommand } from '../command.ts'
import { parsePeerArgument } from '../parse-peer.ts'

/** `peers rm` */
export const peersRm = defineCommand({
  path: ['peers', 'rm'],
  summary: 'remove a peer: refused, since peers are members for as long as they live',
  details:
    'Stop the peer instead. To keep what it alone held, pin that again while the peer still runs. A peer whose writes are ' +
    'not to count any more: "trust rm".',
  options: [],
  args: '<peer ID>',
  examples: ['peers rm 12D3KooWFBFCDQzAkQSwPZLV883pKdsmb6urQ3sMjfJHUxn5GCVv'],
  async run({ args }, context) {
    await context.client.removePeer({ params: { peer: parsePeerArgument(args[0] ?? '') } }, context)
  },
})
