import { defineCommand } from '../command.ts'
import { findPeer } from '../find-peer.ts'
import { formatPeerState } from '../format-care.ts'

/** `peers cordon` */
export const peersCordon = defineCommand({
  path: ['peers', 'cordon'],
  summary: 'allocate nothing new to a peer',
  details:
    'What it keeps it goes on keeping. Holds on every peer and outlives restarts, until "peers uncordon" takes it back.',
  options: [],
  args: '<peer ID or name>',
  examples: ['peers cordon 12D3KooWFBFCDQzAkQSwPZLV883pKdsmb6urQ3sMjfJHUxn5GCVv'],
  async run({ args }, context) {
    const peer = await findPeer(args, context)
    await context.out.value(await context.client.cordonPeer({ params: { peer } }, context), formatPeerState)
  },
})
