import { defineCommand } from '../command.ts'
import { findPeer } from '../find-peer.ts'
import { formatPeerState } from '../format-care.ts'

/** `peers uncordon` */
export const peersUncordon = defineCommand({
  path: ['peers', 'uncordon'],
  summary: 'take back that a peer was cordoned, drained or removed',
  details:
    'It is a member like any other from then on. What was moved away stays where it is: "rebalance --plan" shows what could come back.',
  options: [],
  args: '<peer ID or name>',
  examples: ['peers uncordon 12D3KooWFBFCDQzAkQSwPZLV883pKdsmb6urQ3sMjfJHUxn5GCVv'],
  async run({ args }, context) {
    const peer = await findPeer(args, context)
    await context.out.value(await context.client.uncordonPeer({ params: { peer } }, context), formatPeerState)
  },
})
