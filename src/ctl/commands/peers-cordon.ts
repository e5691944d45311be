import { defineCommand } from '../command.ts'
import { formatPeerState } from '../format-care.ts'
import { parsePeerArgument } from '../parse-peer.ts'

/** `peers cordon` */
export const peersCordon = defineCommand({
  path: ['peers', 'cordon'],
  summary: 'allocate nothing new to a peer',
  details:
    'What it keeps it goes on keeping. Holds on every peer and outlives restarts, until "peers uncordon" takes it back.',
  options: [],
  args: '<peer ID>',
  examples: ['peers cordon 12D3KooWFBFCDQzAkQSwPZLV883pKdsmb6urQ3sMjfJHUxn5GCVv'],
  async run({ args }, context) {
    const peer = parsePeerArgument(args)
    await context.out.value(await context.client.cordonPeer({ params: { peer } }, context), formatPeerState)
  },
})
