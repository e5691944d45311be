import { defineCommand } from '../command.ts'
import { formatPeer } from '../format.ts'

/** `peers ls` */
export const peersLs = defineCommand({
  path: ['peers', 'ls'],
  summary: 'list the peers of the cluster',
  details:
    'Peers that do not answer come last with their error, and those that are unreachable or gone. More of each: "health peers".',
  options: [],
  args: '',
  examples: ['peers ls', '--enc json peers ls'],
  async run(_input, context) {
    for await (const peer of context.client.peers({}, context)) await context.out.value(peer, formatPeer)
  },
})
