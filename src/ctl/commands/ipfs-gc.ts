import { defineCommand } from '../command.ts'
import { formatGc } from '../format.ts'
import { localOption } from '../shared-options.ts'

/** `ipfs gc` */
export const ipfsGc = defineCommand({
  path: ['ipfs', 'gc'],
  summary: 'remove from the IPFS nodes what is not pinned',
  options: [localOption],
  args: '',
  examples: ['ipfs gc --local'],
  async run({ options }, context) {
    const query = { local: String(options.local) }
    await context.out.value(await context.client.gc({ query }, context), formatGc)
  },
})
