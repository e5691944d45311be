import { defineCommand } from '../command.ts'
import { formatStatus } from '../format.ts'
import { parseCidArgument } from '../pin-path.ts'

/** `recover` */
export const recover = defineCommand({
  path: ['recover'],
  summary: 'try again what is in error',
  details: 'Without a CID: everything that is in error or missing. Prints what was queued.',
  options: [{ kind: 'flag', name: 'local', summary: 'ask only the peer that answers' }],
  args: '[CID]',
  examples: ['recover', 'recover QmZULkCELmmk5XNfCgTnCyFgAVxBRBXyDHGGMVoLFLiXEN'],
  async run({ options, args }, context) {
    const query = { local: String(options.local) }
    const [text] = args
    if (text !== undefined) {
      const params = { hash: parseCidArgument(text, 'parsing cid').toString() }
      return context.out.value(await context.client.recover({ params, query }, context), formatStatus)
    }
    for await (const state of context.client.recoverAll({ query }, context)) {
      await context.out.value(state, formatStatus)
    }
  },
})
