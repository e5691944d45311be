import { objectSchema, textSchema } from '../../lib/json-schema.ts'
import { allocationExplanationJsonSchema } from '../../model/allocation-json.ts'
import { eventJsonSchema } from '../../model/event-json.ts'
import { summaryJsonSchema } from '../../model/summary-json.ts'
import { whyJsonSchema } from '../../model/why-json.ts'
import { localQuerySchema, pinQuerySchema } from '../query-schema.ts'
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
  explainAllocation: {
    method: 'GET',
    path: '/allocations/:hash/explain',
    scope: 'read',
    summary:
      'Where pinning would put a CID now, and what speaks for and against each peer; nothing is written. Options that are not ' +
      'given are those of the pin, if there is one, else those of the cluster',
    params: objectSchema({ hash: textSchema('CID') }),
    query: pinQuerySchema,
    reply: allocationExplanationJsonSchema,
  },
  events: {
    method: 'GET',
    path: '/events',
    scope: 'read',
    summary:
      'What happens from now on, as server-sent events: entries of the pinset that are set or removed (`pin`), states of CIDs ' +
      'at this peer (`status`), peers that join and leave (`peer`), and alerts (`alert`). With `after`, or the header ' +
      '`Last-Event-ID`, it goes on behind the event of that id; when too much has happened since, or this peer was started ' +
      'anew, a `reset` says that what is wanted has to be listed anew',
    query: objectSchema(
      {},
      {
        after: textSchema('id of the last event that was seen'),
        kinds: textSchema('comma list of pin, status, peer, alert; default all'),
        cid: textSchema('CID: only events about it'),
      },
    ),
    reply: eventJsonSchema,
    streams: true,
    isEvents: true,
  },
} as const satisfies Readonly<Record<string, Route>>
