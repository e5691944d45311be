import type { CallOptions, Client } from '../../src/api/client.ts'
import type { Cluster } from '../../src/interfaces.ts'
import { parseCid } from '../../src/model/cid.ts'
import type { PeerId } from '../../src/model/peer.ts'
import type { MarkChange, PeerContent, PeerState } from '../../src/model/peer-care.ts'
import { unmarked } from '../../src/model/peer-mark.ts'
import type { RebalancePlan, RebalanceStatus } from '../../src/model/rebalance.ts'
import type { ReplicationQuestion, ReplicationReport } from '../../src/model/replication-report.ts'

const CID_TEXT = 'bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy'

/** What a peer keeps, with everything in it. */
export function exampleContent(state: PeerState): PeerContent {
  return {
    state,
    allocatedCount: 5,
    everywhereCount: 1,
    handOverCount: undefined,
    unplacedCount: 1,
    unplaced: [{ cid: parseCid(CID_TEXT), reason: 'not enough peers' }],
    noRoom: [{ peer: state.peer, peername: 'ü', pinsCount: 2 }],
    isEmpty: false,
  }
}

/** What a rebalance would do, with everything in it. */
export function examplePlan(peer: PeerId): RebalancePlan {
  return {
    peers: [
      {
        peer,
        peername: 'ü',
        pinsBefore: 3,
        pinsAfter: 2,
        pinsIn: 0,
        pinsOut: 1,
        bytesIn: 0,
        bytesOut: undefined,
      },
    ],
    pinsMoved: 1,
    copiesMoved: 1,
    bytesMoved: undefined,
    spreadBefore: 0.5,
    spreadAfter: 0.012_345,
    refusedCount: 2,
  }
}

/** A cluster's answers on the care of peers. What is asked of it is noted. */
export function echoCare(
  peer: PeerId,
  asked: unknown[] = [],
): Pick<Cluster, 'care' | 'rebalance' | 'replication'> {
  const state = (change: MarkChange = {}): PeerState => ({
    peer,
    peername: 'p',
    health: {
      peer,
      condition: 'suspect',
      phi: 3.456,
      heardAtMs: 1_646_136_000_000,
      sinceMs: 1_646_136_001_000,
    },
    isTrusted: true,
    mark: { ...unmarked(peer), ...change },
  })
  const note = (...call: readonly unknown[]) => void asked.push(call)
  const status = (pinsPerSecond = 20): RebalanceStatus => ({
    peer,
    state: 'moving',
    copiesPlanned: 4,
    copiesMoved: 1,
    pinsMoved: 1,
    refusedCount: 0,
    pinsPerSecond,
    startedAtMs: 1_646_136_000_000,
    endedAtMs: undefined,
    reason: '',
  })
  return {
    care: {
      peers: () => [state({ isRemoved: true })],
      async say(text, change) {
        note('say', text, change)
        return state(change)
      },
      async content(text, { isChecked }) {
        note('content', text, isChecked)
        return exampleContent(state())
      },
      async drain(text, { isForced }) {
        note('drain', text, isForced)
        return exampleContent(state({ isCordoned: true, isDraining: true }))
      },
      remove: async (text, { isForced }) => note('remove', text, isForced),
    },
    rebalance: {
      plan: async () => examplePlan(peer),
      async start({ pinsPerSecond }) {
        note('start', pinsPerSecond)
        return status(pinsPerSecond)
      },
      statuses: async () => [status()],
      stop: async () => [{ ...status(), state: 'stopped', reason: 'so', endedAtMs: 1_646_136_002_000 }],
      own: () => status(),
      stopOwn: async () => status(),
    },
    async replication(question: ReplicationQuestion): Promise<ReplicationReport> {
      note('replication', question)
      return {
        isChecked: question.isChecked,
        pinsCount: 10,
        heldCount: 1,
        counts: { none: 1, under: 2, partial: 3, full: 4 },
        peers: [{ peer, peername: 'p', isLive: true, allocatedCount: 9, soleCount: 2 }],
        pins: [
          {
            cid: parseCid(CID_TEXT),
            name: 'n',
            state: 'none',
            copies: 0,
            held: 0,
            wantedMin: 2,
            wantedMax: 3,
            allocations: [peer],
          },
        ],
      }
    },
  }
}

/** What a client gets on each route on the care of peers. */
export async function askCare(client: Client, peer: PeerId, options: CallOptions) {
  const params = { peer }
  return {
    removePeer: await client.removePeer({ params, query: { force: 'true' } }, options),
    knownPeers: await client.knownPeers({}, options),
    peerContent: await client.peerContent({ params, query: { check: 'true' } }, options),
    cordonPeer: await client.cordonPeer({ params }, options),
    uncordonPeer: await client.uncordonPeer({ params }, options),
    drainPeer: await client.drainPeer({ params, query: { force: 'true' } }, options),
    maintainPeer: await client.maintainPeer({ params, query: { for: '2h' } }, options),
    endMaintenance: await client.endMaintenance({ params }, options),
    rebalancePlan: await client.rebalancePlan({}, options),
    rebalances: await client.rebalances({}, options),
    startRebalance: await client.startRebalance({ query: { rate: '2.5' } }, options),
    stopRebalance: await client.stopRebalance({}, options),
    replication: await client.replication({ query: { checked: 'true', limit: '5' } }, options),
  }
}
