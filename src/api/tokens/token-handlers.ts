import type { Caller, Gate } from '../auth.ts'
import type { Handlers, Routes } from '../routes.ts'
import type { Tokens } from './tokens.ts'

/** The handlers of API tokens and JSON Web Tokens. */
export function tokenHandlers(
  tokens: Tokens,
  gate: Gate,
): Pick<
  Handlers<Routes, { readonly caller: Caller }>,
  'tokens' | 'createToken' | 'revokeToken' | 'issueJwt'
> {
  return {
    tokens: async () => tokens.list(),
    async createToken({ body }) {
      const { details, text } = await tokens.create(body)
      return { details, ...(text === undefined ? {} : { token: text }) }
    },
    revokeToken: ({ params }) => tokens.revoke(params.name),
    issueJwt: async (_input, { caller }) => ({ token: gate.issueJwt(caller) }),
  }
}
