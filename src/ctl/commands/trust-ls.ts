import { defineCommand } from '../command.ts'
import { formatTrust } from '../format-trust.ts'

/** `trust ls` */
export const trustLs = defineCommand({
  path: ['trust', 'ls'],
  summary: 'show whose writes are accepted',
  details:
    'What the configuration of the peer names, and what was changed while running, which outweighs it.',
  options: [],
  args: '',
  examples: ['trust ls', '--enc json trust ls'],
  async run(_input, context) {
    await context.out.value(await context.client.trust({}, context), formatTrust)
  },
})
