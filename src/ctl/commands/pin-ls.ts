import type { PinType } from '../../model/pin.ts'
import { defineCommand } from '../command.ts'
import { CommandError } from '../command-error.ts'
import { formatPin } from '../format.ts'
import { parseCidArgument } from '../pin-path.ts'

// A list of its own: the module that has the types also loads what reads multiaddrs, which this command does not need.
const PIN_TYPES = ['pin', 'meta-pin', 'clusterdag-pin', 'shard-pin'] as const satisfies readonly PinType[]

/** `pin ls` */
export const pinLs = defineCommand({
  path: ['pin', 'ls'],
  summary: 'list the pinset, or one entry of it',
  details: 'What the cluster keeps, and where. Whether the peers really have it is told by "status".',
  options: [
    {
      kind: 'text',
      name: 'filter',
      value: 'types',
      default: 'all',
      summary: `comma list of all, ${PIN_TYPES.join(', ')}; not used with a CID`,
    },
  ],
  args: '[CID]',
  examples: ['pin ls', 'pin ls --filter pin,meta-pin'],
  async run({ options, args }, context) {
    const [text] = args
    if (text !== undefined) {
      const hash = parseCidArgument(text, 'parsing cid').toString()
      return context.out.value(await context.client.allocation({ params: { hash } }, context), formatPin)
    }
    const query = { filter: knownTypes(options.filter) }
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
