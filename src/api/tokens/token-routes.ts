import { listSchema, objectSchema, textSchema } from '../../lib/json-schema.ts'
import { newTokenJsonSchema, tokenJsonSchema } from '../../model/token-json.ts'
import type { Route } from '../routes.ts'

/** Rows of the table for API tokens. */
export const tokenRoutes = {
  tokens: {
    method: 'GET',
    path: '/tokens',
    scope: 'admin',
    summary: 'The API tokens of this peer, by name, without their texts, which nobody keeps',
    reply: listSchema(tokenJsonSchema),
  },
  createToken: {
    method: 'POST',
    path: '/tokens',
    scope: 'admin',
    summary:
      'Make an API token for this peer. Its text, `token`, is answered this once. With `hash`, the token of another peer ' +
      'is taken, and there is no `token`',
    body: newTokenJsonSchema,
    reply: objectSchema(
      { details: tokenJsonSchema },
      { token: textSchema('what to send as "Authorization: Bearer"') },
    ),
  },
  revokeToken: {
    method: 'DELETE',
    path: '/tokens/:name',
    scope: 'admin',
    summary: 'Refuse an API token from now on; answers with it as it was',
    params: objectSchema({ name: textSchema('name of the token') }),
    reply: tokenJsonSchema,
  },
} as const satisfies Readonly<Record<string, Route>>

/** The row for JSON Web Tokens; it stands where the reference has it. */
export const jwtRoutes = {
  issueJwt: {
    method: 'POST',
    path: '/token',
    scope: 'read',
    summary:
      'A JSON Web Token for the user who asks, to send as `Authorization: Bearer`; good for as long as the password is',
    reply: objectSchema({ token: textSchema() }),
  },
} as const satisfies Readonly<Record<string, Route>>
