import { defineCommand } from '../command.ts'
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
    const input = { params: { name: args[0] ?? '' } }
    await context.out.value(await context.client.revokeToken(input, context), formatToken)
  },
})
