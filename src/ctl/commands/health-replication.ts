import { defineCommand } from '../command.ts'
import { formatReplication } from '../format-care.ts'
import { parseCidArgument } from '../pin-path.ts'

/** `health replication` */
export const healthReplication = defineCommand({
  path: ['health', 'replication'],
  summary: 'show which pins have fewer live copies than they ask for',
  details:
    'A copy counts where it is allocated to a peer that lives; with --checked only where that peer says that it is pinned, which takes as ' +
    'long as "status". The states: none, under (fewer than the minimum), partial (fewer than the maximum), full.',
  options: [
    { kind: 'flag', name: 'checked', summary: 'ask the peers what they hold' },
    {
      kind: 'text',
      name: 'states',
      value: 'states',
      default: 'none,under',
      summary: 'comma list of the states whose CIDs are shown',
    },
    { kind: 'integer', name: 'limit', value: 'count', default: 20, summary: 'how many CIDs, at most 1000' },
    {
      kind: 'text',
      name: 'after',
      value: 'CID',
      default: '',
      summary: 'show CIDs behind this one: for the next page, the last of the one before',
    },
  ],
  args: '',
  examples: ['health replication', 'health replication --checked --states none,under,partial --limit 100'],
  async run({ options }, context) {
    const { checked, states, limit, after } = options
    const query = {
      checked: String(checked),
      states,
      limit: String(limit),
      ...(after === '' ? {} : { after: parseCidArgument(after, 'parsing after').toString() }),
    }
    await context.out.value(await context.client.replication({ query }, context), formatReplication)
  },
})
