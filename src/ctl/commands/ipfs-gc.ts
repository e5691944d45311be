import { defineCommand } from '../command.ts'
import { formatGc } from '../format.ts'

/** `ipfs gc` */
export const ipfsGc = defineCommand({
  path: ['ipfs', 'gc'],
  summary: 'remove from the IPFS nodes what is not pinned',
  options: [{ kind: 'flag', name: 'local', summary: 'only on the peer that answers' }],
  args: '',
  examples: ['ipfs gc --local'],
  async run({ options }, context) {
    const query = { local: String(options.local) }
    await context.out.value(await context.client.gc({ query }, context), formatGc)
  },
})
