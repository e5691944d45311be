import { defineCommand } from '../command.ts'
import { findPeer } from '../find-peer.ts'

/** `peers rm` */
export const peersRm = defineCommand({
  path: ['peers', 'rm'],
  summary: 'take a peer out of the cluster',
  details:
    'What is allocated to it moves to others at once, also when it is dead and nothing was moved yet. One that is alive is to be drained ' +
    'and stopped first, or --force is given. If it comes back it gets nothing and says so in its log, until "peers uncordon" takes it ' +
    'back. It can still write: for that there is "trust rm".',
  options: [
    { kind: 'flag', name: 'force', aliases: ['f'], summary: 'also while it is alive and keeps content' },
  ],
  args: '<peer ID or name>',
  examples: [
    'peers rm 12D3KooWFBFCDQzAkQSwPZLV883pKdsmb6urQ3sMjfJHUxn5GCVv',
    'peers rm --force 12D3KooWFBFCDQzAkQSwPZLV883pKdsmb6urQ3sMjfJHUxn5GCVv',
  ],
  async run({ args, options }, context) {
    const peer = await findPeer(args, context)
    const query = options.force ? { query: { force: 'true' } } : {}
    await context.client.removePeer({ params: { peer }, ...query }, context)
  },
})
