import { defineCommand } from '../command.ts'
import { formatPeer } from '../format.ts'

/** `id` */
export const id = defineCommand({
  path: ['id'],
  summary: 'show who the peer is: its id, addresses and IPFS node',
  options: [],
  args: '',
  examples: ['id'],
  async run(_input, context) {
    await context.out.value(await context.client.id({}, context), formatPeer)
  },
})
