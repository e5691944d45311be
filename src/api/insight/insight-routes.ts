import { objectSchema, textSchema } from '../../lib/json-schema.ts'
import { summaryJsonSchema } from '../../model/summary-json.ts'
import { whyJsonSchema } from '../../model/why-json.ts'
import { localQuerySchema } from '../query-schema.ts'
import type { Route } from '../routes.ts'

/** Rows of the table for what goes on in the cluster, and why. */
export const insightRoutes = {
  summary: {
    method: 'GET',
    path: '/pins/summary',
    scope: 'read',
    summary:
      'How many CIDs are in which state, for each peer and added up over the peers; of those in error, for which reason, and ' +
      'how many are not tried any more. Each peer counts in one pass over its pinset',
    query: localQuerySchema,
    reply: summaryJsonSchema,
  },
  why: {
    method: 'GET',
    path: '/pins/:hash/why',
    scope: 'read',
    summary:
      'What every peer wants and has of a CID, how often it was tried, why that failed, when it is tried again, and what ' +
      'an operator can do',
    params: objectSchema({ hash: textSchema('CID') }),
    query: localQuerySchema,
    reply: whyJsonSchema,
  },
} as const satisfies Readonly<Record<string, Route>>
