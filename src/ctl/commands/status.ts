import { PIN_STATUSES } from '../../model/pin-status.ts'
import { defineCommand } from '../command.ts'
import { formatStatus } from '../format.ts'
import { knownStates } from '../known-states.ts'
import { ageOptions, ageQuery } from '../pin-options.ts'
import { parseCidArgument } from '../pin-path.ts'
import { localOption } from '../shared-options.ts'

/** `status` */
export const status = defineCommand({
  path: ['status'],
  summary: 'show the state of pins on every peer',
  details:
    'Without a CID: of everything that is pinned or being unpinned, or what the options leave of it. They are not used with CIDs.',
  options: [
    localOption,
    {
      kind: 'text',
      name: 'filter',
      value: 'states',
      default: '',
      summary: `comma list of error, queued, ${PIN_STATUSES.join(', ')}`,
    },
    ...ageOptions,
  ],
  args: '[CID...]',
  examples: [
    'status',
    'status --filter error',
    'status --filter pin_queued,pinning --older-than 24h',
    'status QmZULkCELmmk5XNfCgTnCyFgAVxBRBXyDHGGMVoLFLiXEN',
  ],
  async run({ options, args }, context) {
    const filter = knownStates(options.filter)
    const local = String(options.local)
    const [first, ...others] = args.map(text => parseCidArgument(text, 'parsing cid').toString())
    if (first !== undefined && others.length === 0) {
      const state = await context.client.status({ params: { hash: first }, query: { local } }, context)
      return context.out.value(state, formatStatus)
    }
    const cids = first === undefined ? '' : [first, ...others].join(',')
    const query = { local, filter, cids, ...ageQuery(options) }
    for await (const state of context.client.statuses({ query }, context)) {
      await context.out.value(state, formatStatus)
    }
  },
})
