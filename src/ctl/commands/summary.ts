import { defineCommand } from '../command.ts'
import { formatSummary } from '../format-insight.ts'

/** `summary` */
export const summary = defineCommand({
  path: ['summary'],
  summary: 'count pins by state, peer and reason of failure',
  details:
    'A CID that several peers keep counts at each of them. What failed for which reason is tried again by "recover --reason".',
  options: [{ kind: 'flag', name: 'local', summary: 'ask only the peer that answers' }],
  args: '',
  examples: ['summary', '--enc json summary'],
  async run({ options }, context) {
    const query = { local: String(options.local) }
    await context.out.value(await context.client.summary({ query }, context), formatSummary)
  },
})
