import { defineCommand } from '../command.ts'
import { formatPinset } from '../format-trust.ts'
import { localOption } from '../shared-options.ts'

/** `state status` */
export const stateStatus = defineCommand({
  path: ['state', 'status'],
  summary: 'show whether all peers have the same pinset, and who is behind',
  details:
    'A line for each peer: how many pins, a digest that is equal where the pinsets are, and what is amiss. Digests may ' +
    'differ for a moment while there are writes.',
  options: [localOption],
  args: '',
  examples: ['state status', 'state status --local'],
  async run({ options: { local } }, context) {
    if (local) return context.out.value(await context.client.pinset({}, context), formatPinset)
    for await (const pinset of context.client.pinsets({}, context))
      await context.out.value(pinset, formatPinset)
  },
})
