import { defineCommand } from '../command.ts'
import { formatSummary } from '../format-insight.ts'
import { localOption } from '../shared-options.ts'

/** `summary` */
export const summary = defineCommand({
  path: ['summary'],
  summary: 'count pins by state, peer and reason of failure',
  details:
    'A CID that several peers keep counts at each of them. What failed for which reason is tried again by "recover --reason".',
  options: [localOption],
  args: '',
  examples: ['summary', '--enc json summary'],
  async run({ options }, context) {
    const query = { local: String(options.local) }
    await context.out.value(await context.client.summary({ query }, context), formatSummary)
  },
})
