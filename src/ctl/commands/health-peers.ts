import { defineCommand } from '../command.ts'
import { formatPeerState } from '../format-care.ts'

/** `health peers` */
export const healthPeers = defineCommand({
  path: ['health', 'peers'],
  summary: 'show every peer that was heard of, dead or alive, and what was said of it',
  details:
    'As the peer that answers sees it: alive, suspect (gets nothing new), unreachable (an alert) or gone (its content moves), with phi, the ' +
    'suspicion in powers of ten; and whether it is cordoned, draining, removed or in maintenance.',
  options: [],
  args: '',
  examples: ['health peers', '--enc json health peers'],
  async run(_input, context) {
    for (const peer of await context.client.knownPeers({}, context))
      await context.out.value(peer, formatPeerState)
  },
})
