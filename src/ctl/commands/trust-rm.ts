import { defineCommand } from '../command.ts'
import { formatTrust } from '../format-trust.ts'
import { parsePeerArgument } from '../parse-peer.ts'

/** `trust rm` */
export const trustRm = defineCommand({
  path: ['trust', 'rm'],
  summary: 'refuse what a peer writes, from now on and on every peer',
  details:
    'What it wrote before stays. It can still connect and read, since it has the secret: make a new secret to shut it out.',
  options: [],
  args: '<peer ID>',
  examples: ['trust rm 12D3KooWFBFCDQzAkQSwPZLV883pKdsmb6urQ3sMjfJHUxn5GCVv'],
  async run({ args }, context) {
    const peer = parsePeerArgument(args)
    await context.out.value(await context.client.distrustPeer({ params: { peer } }, context), formatTrust)
  },
})
