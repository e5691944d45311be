import type { Options } from '../../interfaces.ts'
import { type Handlers, type Routes, routes } from '../routes.ts'
import { toDocsPage } from './docs-page.ts'
import { toOpenApi } from './openapi.ts'
import { restDescription } from './rest-description.ts'

/** What the API says of itself. It is the same as long as the process lives, and kept as bytes by who sends it. */
export function docsHandlers(): Pick<Handlers<Routes, Options>, 'openapi' | 'docs'> {
  return {
    openapi: async () => toOpenApi(routes, restDescription),
    docs: async () => toDocsPage(routes),
  }
}
