import { defineCommand } from '../command.ts'
import { inKeyOrder, parseAllocations } from '../pin-options.ts'
import { sendLines } from '../send-lines.ts'

/** `state import` */
export const stateImport = defineCommand({
  path: ['state', 'import'],
  summary: 'write the entries of an export into the pinset',
  details:
    'Takes what "state export" of this program or of cluster-service writes, from a file or from standard input. Types, ' +
    'peers and times are kept; entries that the export does not have stay. A lost connection is made anew.',
  options: [
    {
      kind: 'integer',
      name: 'replication-min',
      aliases: ['rmin'],
      value: 'count',
      default: 0,
      summary: 'fewest copies of every entry, in the place of its own',
    },
    {
      kind: 'integer',
      name: 'replication-max',
      aliases: ['rmax'],
      value: 'count',
      default: 0,
      summary: 'most copies of every entry, in the place of its own',
    },
    {
      kind: 'text',
      name: 'allocations',
      aliases: ['allocs'],
      value: 'peers',
      default: '',
      summary: 'peers that keep every entry: peer ids, separated by commas',
    },
  ],
  args: '[file]',
  examples: ['state import pinset.ndjson', 'state import --rmin 2 --rmax 3 pinset.ndjson'],
  async run({ options, args }, context) {
    const query = inKeyOrder({
      'replication-min': String(options['replication-min']),
      'replication-max': String(options['replication-max']),
      allocations: parseAllocations(options.allocations),
    })
    await sendLines(
      args[0] ?? '-',
      'importing state',
      (lines, call) => context.client.importState({ lines, query }, call),
      context,
    )
  },
})
