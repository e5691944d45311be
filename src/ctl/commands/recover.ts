import { defineCommand } from '../command.ts'
import { formatStatus } from '../format.ts'
import { knownStates } from '../known-states.ts'
import { parseCidArgument } from '../pin-path.ts'
import { localOption } from '../shared-options.ts'

/** `recover` */
export const recover = defineCommand({
  path: ['recover'],
  summary: 'try again what is in error',
  details:
    'Without a CID: everything that is in error or missing, or what --filter and --reason leave of it; also what was given ' +
    'up after too many attempts. Prints what was queued.',
  options: [
    localOption,
    {
      kind: 'text',
      name: 'filter',
      value: 'states',
      default: '',
      summary: 'comma list of pin_error, unpin_error, unexpectedly_unpinned; not used with a CID',
    },
    {
      kind: 'text',
      name: 'reason',
      value: 'codes',
      default: '',
      summary: 'comma list of reasons as "summary" counts them, such as TIMEOUT; not used with a CID',
    },
    {
      kind: 'integer',
      name: 'limit',
      value: 'count',
      default: 0,
      summary: 'how many at most, at each peer; 0 = all; not used with a CID',
    },
  ],
  args: '[CID]',
  examples: [
    'recover',
    'recover --reason TIMEOUT --limit 100',
    'recover QmZULkCELmmk5XNfCgTnCyFgAVxBRBXyDHGGMVoLFLiXEN',
  ],
  async run({ options, args }, context) {
    const query = { local: String(options.local) }
    const [text] = args
    if (text !== undefined) {
      const params = { hash: parseCidArgument(text, 'parsing cid').toString() }
      return context.out.value(await context.client.recover({ params, query }, context), formatStatus)
    }
    const { filter, reason, limit } = options
    const chosen = {
      ...query,
      ...(filter === '' ? {} : { filter: knownStates(filter) }),
      ...(reason === '' ? {} : { reason }),
      ...(limit === 0 ? {} : { limit: String(limit) }),
    }
    for await (const state of context.client.recoverAll({ query: chosen }, context)) {
      await context.out.value(state, formatStatus)
    }
  },
})
