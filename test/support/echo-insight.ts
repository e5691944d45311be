import type { CallOptions, Client } from '../../src/api/client.ts'
import type { Cluster } from '../../src/interfaces.ts'
import type { ClusterAlert } from '../../src/model/alert.ts'
import type { Cid } from '../../src/model/cid.ts'
import type { PeerId } from '../../src/model/peer.ts'
import type { PinInfo } from '../../src/model/pin-status.ts'
import { collect } from './rest-server.ts'

/** A cluster's answers on what goes on in it: one peer, at which one CID has failed. */
export function echoInsight(
  cid: Cid,
  peer: PeerId,
): Pick<Cluster, 'summaries' | 'why' | 'explainAllocation' | 'events'> {
  const info: PinInfo = {
    cid,
    status: 'pin_error',
    timestampMs: 1_700_000_000_000,
    error: 'no block for 2m0s',
    attemptCount: 3,
    isPriority: false,
    reason: 'TIMEOUT',
    nextAttemptMs: 1_700_000_060_000,
    pin: undefined,
  }
  return {
    async *summaries() {
      const statuses = new Map([['pin_error', 1]] as const)
      const counts = { pinsCount: 1, statuses, reasons: new Map([['TIMEOUT', 1]] as const), givenUpCount: 0 }
      yield { peer, peername: 'ü', error: '', ipfsFailure: '', ...counts }
    },
    async *events() {
      const stamp = { id: '0123456789abcdef-1', atMs: 1_700_000_000_000, teller: peer }
      yield [
        { ...stamp, kind: 'pin', cid, change: 'set', name: 'ü' },
        { ...stamp, kind: 'status', ...info, reason: 'TIMEOUT' },
      ]
      yield [{ ...stamp, kind: 'alert', change: 'raised', alert: exampleAlert(peer) }]
      yield [
        { ...stamp, kind: 'peer', peer, peername: 'ü', change: 'left' },
        { ...stamp, kind: 'reset' },
      ]
    },
    async why() {
      const why = { info, wants: 'recursive', has: 'nothing', ipfsFailure: '' } as const
      return { cid, pin: undefined, peers: new Map([[peer, { peername: 'ü', why }]]), noRoom: 'so' }
    },
    async explainAllocation() {
      const metrics = new Map([['freespace', '7']])
      const chosen = {
        peer,
        peername: 'ü',
        verdict: 'chosen',
        reason: 'comes first',
        rank: 1,
        metrics,
      } as const
      const refused = { ...chosen, verdict: 'refused', reason: 'is cordoned', rank: undefined } as const
      const copies = { replicationMin: 1, replicationMax: 2 }
      return {
        isPinned: false,
        current: [],
        ...copies,
        allocations: [peer],
        error: undefined,
        peers: [chosen, refused],
      }
    },
  }
}

/** A peer that fell silent, and came back. */
export function exampleAlert(peer: PeerId): ClusterAlert {
  const ping = { name: 'ping', value: '', weight: 0, isPartitionable: false, isValid: true, ttlMs: 1 }
  const times = { receivedAtMs: 1_646_136_000_123, expireAtMs: 1_646_136_030_123 }
  return {
    kind: 'peer-unreachable',
    subject: peer,
    peer,
    severity: 'warning',
    message: 'nothing was heard of it',
    metric: { ...ping, ...times, peer },
    triggeredAtMs: 1_646_136_040_000,
    clearedAtMs: 1_646_136_050_000,
  }
}

/** What a client gets on each route of what goes on, and of the health of peers. */
export async function askInsight(client: Client, hash: string, options: CallOptions) {
  return {
    summary: await client.summary({}, options),
    events: await collect(client.events({}, options)),
    why: await client.why({ params: { hash } }, options),
    explainAllocation: await client.explainAllocation(
      { params: { hash }, query: { require: 'a=b' } },
      options,
    ),
    graph: await client.graph({}, options),
    alerts: await client.alerts({}, options),
    bandwidth: await client.bandwidth({}, options),
    metrics: await client.metrics({ params: { name: 'tag:a b' } }, options),
    metricNames: await client.metricNames({}, options),
  }
}
