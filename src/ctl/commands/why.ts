import { defineCommand } from '../command.ts'
import { CommandError } from '../command-error.ts'
import { formatWhy } from '../format-insight.ts'
import { parseCidArgument } from '../pin-path.ts'
import { localOption } from '../shared-options.ts'

/** `why` */
export const why = defineCommand({
  path: ['why'],
  summary: 'explain why a CID is kept or not',
  details:
    'For every peer: what it wants and has of the CID, how often it was tried, why that failed, when it is tried again, ' +
    'and what can be done about it.',
  options: [localOption],
  args: '<CID>',
  examples: ['why QmZULkCELmmk5XNfCgTnCyFgAVxBRBXyDHGGMVoLFLiXEN'],
  async run({ options, args }, context) {
    const [text] = args
    if (text === undefined) throw new CommandError('parsing cid', 'name the CID to explain')
    const params = { hash: parseCidArgument(text, 'parsing cid').toString() }
    const query = { local: String(options.local) }
    await context.out.value(await context.client.why({ params, query }, context), formatWhy)
  },
})
