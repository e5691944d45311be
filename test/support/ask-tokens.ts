import type { CallOptions, Client } from '../../src/api/client.ts'

/** What a client gets on each route of API tokens and JWTs. */
export async function askTokens(client: Client, options: CallOptions) {
  return {
    createToken: await client.createToken(
      { body: { name: 'ci', scope: 'pin', limits: { pins: 5 } } },
      options,
    ),
    tokens: await client.tokens({}, options),
    revokeToken: await client.revokeToken({ params: { name: 'ci' } }, options),
    issueJwt: await client.issueJwt({}, options),
  }
}
