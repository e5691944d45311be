import { defineCommand } from '../command.ts'
import { formatTrust } from '../format-trust.ts'
import { parsePeerArgument } from '../parse-peer.ts'

/** `trust add` */
export const trustAdd = defineCommand({
  path: ['trust', 'add'],
  summary: 'accept what a peer writes, from now on and on every peer',
  details: 'What it wrote while it was not trusted counts as well. The change outlives restarts.',
  options: [],
  args: '<peer ID>',
  examples: ['trust add 12D3KooWFBFCDQzAkQSwPZLV883pKdsmb6urQ3sMjfJHUxn5GCVv'],
  async run({ args }, context) {
    const peer = parsePeerArgument(args)
    await context.out.value(await context.client.trustPeer({ body: { peer_id: peer } }, context), formatTrust)
  },
})
