import { defineCommand } from '../command.ts'
import { CommandError } from '../command-error.ts'
import { findPeer } from '../find-peer.ts'
import { formatPeerState } from '../format-care.ts'

/** `peers maintenance` */
export const peersMaintenance = defineCommand({
  path: ['peers', 'maintenance'],
  summary: 'move nothing because of the silence of a peer for some time',
  details:
    'For the time in which somebody works on it. It ends by itself, a minute later than was said at most, since clocks differ; or by --end. Nothing new is held back from a peer that runs meanwhile: for that there is "peers cordon".',
  options: [
    { kind: 'text', name: 'for', value: 'duration', default: '', summary: 'how long, from 1m to 720h' },
    { kind: 'flag', name: 'end', summary: 'end it now' },
  ],
  args: '<peer ID or name>',
  examples: [
    'peers maintenance --for 2h 12D3KooWFBFCDQzAkQSwPZLV883pKdsmb6urQ3sMjfJHUxn5GCVv',
    'peers maintenance --end 12D3KooWFBFCDQzAkQSwPZLV883pKdsmb6urQ3sMjfJHUxn5GCVv',
  ],
  async run({ args, options }, context) {
    const peer = await findPeer(args, context)
    if (options.end === (options.for !== ''))
      throw new CommandError('parsing maintenance', 'say either how long, as in --for 2h, or --end')
    const state = options.end
      ? await context.client.endMaintenance({ params: { peer } }, context)
      : await context.client.maintainPeer({ params: { peer }, query: { for: options.for } }, context)
    await context.out.value(state, formatPeerState)
  },
})
