import { defineCommand } from '../command.ts'
import { formatToken } from '../format-token.ts'

/** `token ls` */
export const tokenLs = defineCommand({
  path: ['token', 'ls'],
  summary: 'list the API tokens of the peer',
  details:
    'A line for each: name, scope, expiry, and how much of its limits is used. The tokens themselves are kept nowhere.',
  options: [],
  args: '',
  examples: ['token ls', '--enc json token ls'],
  async run(_input, context) {
    await context.out.value(await context.client.tokens({}, context), tokens =>
      tokens.map(formatToken).join('\n'),
    )
  },
})
