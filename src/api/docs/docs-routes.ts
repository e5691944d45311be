import { objectSchema, textSchema } from '../../lib/json-schema.ts'
import type { Route } from '../routes.ts'

/** Rows of the table for what the API says of itself. */
export const docsRoutes = {
  openapi: {
    method: 'GET',
    path: '/openapi.json',
    scope: 'open',
    summary: 'This API as an OpenAPI 3.1 document; needs no credentials',
    reply: objectSchema({ openapi: textSchema('version of OpenAPI') }),
    isFixed: true,
  },
  docs: {
    method: 'GET',
    path: '/docs',
    scope: 'open',
    summary: 'The same as a page for people; needs no credentials',
    reply: textSchema('HTML'),
    isPage: true,
    isFixed: true,
  },
} as const satisfies Readonly<Record<string, Route>>
