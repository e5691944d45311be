import type { AllocationsQuery } from '../../api/query-schema.ts'
import type { PinType } from '../../model/pin.ts'
import { defineCommand } from '../command.ts'
import { CommandError } from '../command-error.ts'
import { formatPin } from '../format.ts'
import { ageOptions, ageQuery, metadataQuery, parseAllocations } from '../pin-options.ts'
import { parseCidArgument } from '../pin-path.ts'

// A list of its own: the module that has the types also loads what reads multiaddrs, which this command does not need.
const PIN_TYPES = ['pin', 'meta-pin', 'clusterdag-pin', 'shard-pin'] as const satisfies readonly PinType[]

/** `pin ls` */
export const pinLs = defineCommand({
  path: ['pin', 'ls'],
  summary: 'list the pinset, or one entry of it',
  details:
    'What the cluster keeps, and where, in the order of the bytes of the CIDs. Whether the peers really have it is told by ' +
    '"status". The options choose from the list: an entry is shown when all of them fit it. They are not used with a CID.',
  options: [
    {
      kind: 'text',
      name: 'filter',
      value: 'types',
      default: 'all',
      summary: `comma list of all, ${PIN_TYPES.join(', ')}`,
    },
    {
      kind: 'text',
      name: 'name-prefix',
      value: 'text',
      default: '',
      summary: 'only entries whose name begins so, case and all',
    },
    {
      kind: 'texts',
      name: 'metadata',
      value: 'key=value',
      summary: 'only entries with this metadata; may be given several times',
    },
    {
      kind: 'text',
      name: 'allocation',
      value: 'peer',
      default: '',
      summary: 'only what the peer with this id keeps; what is pinned everywhere, every peer keeps',
    },
    ...ageOptions,
    {
      kind: 'integer',
      name: 'limit',
      value: 'count',
      default: 0,
      summary: 'how many entries at most; 0 = all',
    },
    {
      kind: 'text',
      name: 'after',
      value: 'CID',
      default: '',
      summary: 'begin behind this CID: for the next page, the last of the one before',
    },
  ],
  args: '[CID]',
  examples: [
    'pin ls',
    'pin ls --filter pin,meta-pin',
    'pin ls --name-prefix backup/ --metadata owner=me --limit 100',
    'pin ls --older-than 720h',
  ],
  async run({ options, args }, context) {
    const [text] = args
    if (text !== undefined) {
      const hash = parseCidArgument(text, 'parsing cid').toString()
      return context.out.value(await context.client.allocation({ params: { hash } }, context), formatPin)
    }
    const query: AllocationsQuery = {
      filter: knownTypes(options.filter),
      ...(options['name-prefix'] === '' ? {} : { 'name-prefix': options['name-prefix'] }),
      ...metadataQuery(options.metadata),
      ...(options.allocation === '' ? {} : { allocation: parseAllocations(options.allocation) }),
      ...ageQuery(options),
      ...(options.limit === 0 ? {} : { limit: String(options.limit) }),
      ...(options.after === '' ? {} : { after: parseCidArgument(options.after, 'parsing after').toString() }),
    }
    for await (const pin of context.client.allocations({ query }, context)) {
      await context.out.value(pin, formatPin)
    }
  },
})

/** Drops unknown types as the reference does, but not all of them: an empty filter would list everything. */
function knownTypes(text: string): string {
  const known: readonly string[] = ['all', ...PIN_TYPES]
  const names = text.split(',').map(name => name.trim())
  const chosen = names.filter(name => known.includes(name))
  if (chosen.length === 0) {
    throw new CommandError(
      'parsing filter flag',
      `invalid filter name: "${text}" has none of ${known.join(', ')}`,
    )
  }
  return chosen.join(',')
}
