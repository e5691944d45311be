import { type JsonSchema, listSchema, objectSchema, textSchema } from '../../lib/json-schema.ts'
import { peerContentJsonSchema, peerStateJsonSchema } from '../../model/peer-care-json.ts'
import { REBALANCE_RATE } from '../../model/rebalance.ts'
import { rebalancePlanJsonSchema, rebalanceStatusJsonSchema } from '../../model/rebalance-json.ts'
import { REPORT_LIMIT } from '../../model/replication-report.ts'
import { replicationJsonSchema } from '../../model/replication-report-json.ts'
import type { Route } from '../routes.ts'

const peer = objectSchema({ peer: textSchema('peer id') })
/** Written like a boolean; the value here is its text. */
const flag = (description: string): JsonSchema<string> => ({ type: 'boolean', description })
const number = (description: string, bounds: object = {}): JsonSchema<string> => ({
  type: 'number',
  description,
  ...bounds,
})
const integer = (description: string, bounds: object): JsonSchema<string> => ({
  ...number(description, bounds),
  type: 'integer',
})
const forced = (description: string) => objectSchema({}, { force: flag(description) })

/** Rows of the table for what operators do about peers, and for how content is spread. */
export const peerCareRoutes = {
  knownPeers: {
    method: 'GET',
    path: '/health/peers',
    scope: 'read',
    summary:
      'Every peer that this one has heard of, dead or alive, how sure this one is of its life, and what operators have said of it',
    reply: listSchema(peerStateJsonSchema),
  },
  peerContent: {
    method: 'GET',
    path: '/peers/:peer/content',
    scope: 'read',
    summary:
      'What a peer keeps: pins that are allocated to it, pins that it holds until others have them (`hand_over`), and whether ' +
      'it can be switched off (`empty`). With `check=true` also what others could not take, and why. One pass over the pinset',
    params: peer,
    query: objectSchema({}, { check: flag('try for every pin whether others could take it') }),
    reply: peerContentJsonSchema,
  },
  cordonPeer: {
    method: 'POST',
    path: '/peers/:peer/cordon',
    scope: 'admin',
    summary: 'Allocate nothing new to a peer, on every peer from now on; what it keeps it goes on keeping',
    params: peer,
    reply: peerStateJsonSchema,
  },
  uncordonPeer: {
    method: 'POST',
    path: '/peers/:peer/uncordon',
    scope: 'admin',
    summary: 'Take back that a peer was cordoned, drained or removed: it is a member like any other',
    params: peer,
    reply: peerStateJsonSchema,
  },
  drainPeer: {
    method: 'POST',
    path: '/peers/:peer/drain',
    scope: 'admin',
    summary:
      'Allocate nothing new to a peer and move all its content to others. Refused when these cannot take all of it. Answers ' +
      'as `GET /peers/:peer/content`, which tells the progress',
    params: peer,
    query: forced('also when others cannot take all of it: what cannot be moved stays'),
    reply: peerContentJsonSchema,
  },
  maintainPeer: {
    method: 'POST',
    path: '/peers/:peer/maintenance',
    scope: 'admin',
    summary: 'Move nothing because of the silence of a peer for some time: it ends by itself',
    params: peer,
    query: objectSchema({ for: textSchema('duration from 1m to 720h, such as 2h') }),
    reply: peerStateJsonSchema,
  },
  endMaintenance: {
    method: 'DELETE',
    path: '/peers/:peer/maintenance',
    scope: 'admin',
    summary: 'End the maintenance of a peer before its time',
    params: peer,
    reply: peerStateJsonSchema,
  },
  rebalancePlan: {
    method: 'GET',
    path: '/rebalance/plan',
    scope: 'read',
    summary:
      'What spreading the pins evenly over the peers that take new ones would move; nothing is done. Bytes are estimated by the ' +
      'mean size of a pin on the peer that it leaves. Two passes over the pinset',
    reply: rebalancePlanJsonSchema,
  },
  rebalances: {
    method: 'GET',
    path: '/rebalance',
    scope: 'read',
    summary: 'How far peers have come that spread the pins anew, or that did so last',
    reply: listSchema(rebalanceStatusJsonSchema),
  },
  startRebalance: {
    method: 'POST',
    path: '/rebalance',
    scope: 'admin',
    summary:
      'Carry out the plan as it is now. This peer does it in the background; 409 while any peer is at it',
    query: objectSchema(
      {},
      {
        rate: number(`pins a second; default ${REBALANCE_RATE.default}`, {
          minimum: REBALANCE_RATE.min,
          maximum: REBALANCE_RATE.max,
        }),
      },
    ),
    reply: rebalanceStatusJsonSchema,
  },
  stopRebalance: {
    method: 'DELETE',
    path: '/rebalance',
    scope: 'admin',
    summary: 'Stop it, whichever peer is at it; what was moved stays where it is',
    reply: listSchema(rebalanceStatusJsonSchema),
  },
  replication: {
    method: 'GET',
    path: '/health/replication',
    scope: 'read',
    summary:
      'How many pins have no live copy (`none`), fewer than they ask for at least (`under`), enough but fewer than they ask for ' +
      'at most (`partial`), and all (`full`), and the first CIDs of those that lack copies. A copy counts where it is allocated ' +
      'to a peer that lives; with `checked=true` only where that peer says that it is pinned, which takes as long as ' +
      '`GET /pins`. By pages: `limit`, and for the next page `after` with the last CID',
    query: objectSchema(
      {},
      {
        checked: flag('ask the peers what they hold'),
        states: textSchema('comma list of none, under, partial, full; default none,under'),
        limit: integer(`CIDs, default ${REPORT_LIMIT.default}`, { minimum: 0, maximum: REPORT_LIMIT.max }),
        after: textSchema('CID behind which the list of CIDs begins'),
      },
    ),
    reply: replicationJsonSchema,
  },
} as const satisfies Readonly<Record<string, Route>>
