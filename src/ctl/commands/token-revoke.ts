import { defineCommand } from '../command.ts'
import { CommandError } from '../command-error.ts'
import { formatToken } from '../format-token.ts'

/** `token revoke` */
export const tokenRevoke = defineCommand({
  path: ['token', 'revoke'],
  summary: 'refuse an API token from now on',
  details: 'At the peer that is asked; where the token was made known by --hash, revoke it there as well.',
  options: [],
  args: '<name>',
  examples: ['token revoke ci'],
  async run({ args }, context) {
    const [name = '', ...others] = args
    if (others.length > 0)
      throw new CommandError('revoking token', `name one token at a time, not ${args.length}`)
    const input = { params: { name } }
    await context.out.value(await context.client.revokeToken(input, context), formatToken)
  },
})
