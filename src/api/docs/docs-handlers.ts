import type { Options } from '../../interfaces.ts'
import { type Handlers, type Routes, routes } from '../routes.ts'
import { toDocsPage } from './docs-page.ts'
import { toOpenApi } from './openapi.ts'

/** What the API says of itself, made when it is asked for the first time. */
export function docsHandlers(): Pick<Handlers<Routes, Options>, 'openapi' | 'docs'> {
  let document: ReturnType<typeof toOpenApi> | undefined
  let page: string | undefined
  return {
    async openapi() {
      document ??= toOpenApi(routes)
      return document
    },
    async docs() {
      page ??= toDocsPage(routes)
      return page
    },
  }
}
