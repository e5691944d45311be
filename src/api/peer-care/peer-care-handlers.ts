import { ClusterError } from '../../errors.ts'
import type { Cluster, Options } from '../../interfaces.ts'
import type { Clock } from '../../lib/clock.ts'
import { parseDuration } from '../../lib/duration.ts'
import { parseCid } from '../../model/cid.ts'
import { parsePeerId } from '../../model/peer.ts'
import { toPeerContentJson, toPeerStateJson } from '../../model/peer-care-json.ts'
import { REBALANCE_RATE } from '../../model/rebalance.ts'
import { toRebalancePlanJson, toRebalanceStatusJson } from '../../model/rebalance-json.ts'
import { COPY_STATES, type CopyState, REPORT_LIMIT } from '../../model/replication-report.ts'
import { toReplicationJson } from '../../model/replication-report-json.ts'
import { booleanOf, toQuery } from '../query.ts'
import type { Handlers, Routes } from '../routes.ts'
import type { peerCareRoutes } from './peer-care-routes.ts'

type Names = keyof typeof peerCareRoutes | 'removePeer'

/** Answers to the routes on what operators do about peers, and on how content is spread. */
export function peerCareHandlers(
  cluster: Pick<Cluster, 'care' | 'rebalance' | 'replication'>,
  clock: Clock,
): Pick<Handlers<Routes, Options>, Names> {
  return {
    knownPeers: async () => cluster.care.peers().map(toPeerStateJson),
    removePeer: async ({ params, query }, { signal }) =>
      cluster.care.remove(parsePeerId(params.peer), { isForced: booleanOf(toQuery(query), 'force'), signal }),
    peerContent: async ({ params, query }, { signal }) =>
      toPeerContentJson(
        await cluster.care.content(parsePeerId(params.peer), {
          isChecked: booleanOf(toQuery(query), 'check'),
          signal,
        }),
      ),
    cordonPeer: async ({ params }, options) =>
      toPeerStateJson(await cluster.care.say(parsePeerId(params.peer), { isCordoned: true }, options)),
    async uncordonPeer({ params }, options) {
      const change = { isCordoned: false, isDraining: false, isRemoved: false }
      return toPeerStateJson(await cluster.care.say(parsePeerId(params.peer), change, options))
    },
    drainPeer: async ({ params, query }, { signal }) =>
      toPeerContentJson(
        await cluster.care.drain(parsePeerId(params.peer), {
          isForced: booleanOf(toQuery(query), 'force'),
          signal,
        }),
      ),
    async maintainPeer({ params, query }, options) {
      const forMs = parseDuration(query?.for ?? '')
      const maintenanceUntilMs = Math.ceil((clock.now() + forMs) / 1000) * 1000
      return toPeerStateJson(
        await cluster.care.say(parsePeerId(params.peer), { maintenanceUntilMs }, options),
      )
    },
    endMaintenance: async ({ params }, options) =>
      toPeerStateJson(
        await cluster.care.say(parsePeerId(params.peer), { maintenanceUntilMs: undefined }, options),
      ),
    rebalancePlan: async (_input, options) => toRebalancePlanJson(await cluster.rebalance.plan(options)),
    rebalances: async (_input, options) =>
      (await cluster.rebalance.statuses(options)).map(toRebalanceStatusJson),
    async startRebalance({ query }, { signal }) {
      const pinsPerSecond = numberIn('rate', query?.rate, REBALANCE_RATE.default)
      return toRebalanceStatusJson(await cluster.rebalance.start({ pinsPerSecond, signal }))
    },
    stopRebalance: async (_input, options) =>
      (await cluster.rebalance.stop(options)).map(toRebalanceStatusJson),
    async replication({ query }, options) {
      const question = {
        isChecked: booleanOf(toQuery(query), 'checked'),
        states: statesIn(query?.states ?? ''),
        limit: limitIn(query?.limit),
        after: query?.after === undefined || query.after === '' ? undefined : parseCid(query.after),
      }
      return toReplicationJson(await cluster.replication(question, options))
    },
  }
}

function numberIn(name: string, text: string | undefined, otherwise: number): number {
  if (text === undefined || text === '') return otherwise
  if (/^\d{1,9}(\.\d{1,20})?$/.test(text)) return Number(text)
  throw new ClusterError('INVALID_ARGUMENT', `parameter ${name} invalid: "${text.slice(0, 40)}" is no number`)
}

function limitIn(text: string | undefined): number {
  const limit = numberIn('limit', text, REPORT_LIMIT.default)
  if (Number.isInteger(limit) && limit <= REPORT_LIMIT.max) return limit
  throw new ClusterError('INVALID_ARGUMENT', `parameter limit invalid: it is from 0 to ${REPORT_LIMIT.max}`)
}

function statesIn(text: string): ReadonlySet<CopyState> {
  if (text === '') return new Set(['none', 'under'])
  return new Set(
    text.split(',').map(word => {
      const state = COPY_STATES.find(each => each === word.trim())
      if (state !== undefined) return state
      throw new ClusterError(
        'INVALID_ARGUMENT',
        `parameter states invalid: "${word.slice(0, 40)}" is none of ${COPY_STATES.join(', ')}`,
      )
    }),
  )
}
