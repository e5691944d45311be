import { createNoopMeter } from '@opentelemetry/api'
import { toAllocate } from '../../src/allocator/allocate.ts'
import { peerChooser } from '../../src/cluster/choose-peers.ts'
import type { ClusterConfig } from '../../src/cluster/config.ts'
import { openPeerMarks } from '../../src/cluster/marks/peer-marks.ts'
import { openRebalancer } from '../../src/cluster/rebalance/rebalancer.ts'
import { openRepinner } from '../../src/cluster/repin/repinner.ts'
import type { Alerts, Consensus, Informer, Ipfs, Monitor, PeerMarks, Rpc } from '../../src/interfaces.ts'
import type { Clock } from '../../src/lib/clock.ts'
import type { AskHolds } from '../../src/model/holds.ts'
import type { PeerId } from '../../src/model/peer.ts'
import { ANYWHERE } from '../../src/model/placement.ts'
import type { Rebalancer } from '../../src/model/rebalance.ts'
import { silentLogger } from '../support/silent-logger.ts'
import type { Life } from './life.ts'
import type { MovePlan } from './move-plan.ts'
import type { World } from './world.ts'

const FREESPACE = 'freespace'
/** How peers are chosen. */
export const ALLOCATE = toAllocate({ weightTolerance: 0.01, diskFullShare: 0.95 })

/** Settings of the cluster's core. */
export const CLUSTER: ClusterConfig = {
  peername: '',
  stateSyncIntervalMs: 60_000,
  replication: { min: 1, max: 2 },
  allocateTo: 'any',
  isFollower: false,
  allocateBy: [FREESPACE],
  placement: ANYWHERE,
  connectSwarmsDelayMs: 0,
  repin: { isAutomatic: true, delayMs: 0, perSecond: 200, inFlightMax: 200, guardShare: 0.5 },
}

/** What moves content on a peer. */
export interface Mover {
  readonly marks: PeerMarks
  /** The chooser of peers that pins are placed with. */
  readonly choose: ReturnType<typeof peerChooser>
  readonly rebalance: Rebalancer
}

/** What a mover is opened with. */
export interface MoverParts {
  readonly world: World
  readonly index: number
  readonly self: PeerId
  readonly life: Life
  readonly clock: Clock
  readonly consensus: Consensus
  readonly monitor: Monitor
  readonly askHolds: AskHolds
  readonly rpc: Rpc
  readonly ipfs: Ipfs
  readonly parts: AsyncDisposableStack
}

/** The measure that placing goes by: all peers have equally much room. */
export function roomInformer(ttlMs: number): Informer {
  const measure = {
    name: FREESPACE,
    value: '1000',
    weight: 1000,
    isPartitionable: false,
    isValid: true,
    ttlMs,
  }
  return { name: FREESPACE, read: async () => [measure] }
}

/** Opens the real marks, chooser and repinner of a peer; what they write is entered with the watch over moves. */
export async function openMover(given: MoverParts, plan: MovePlan): Promise<Mover> {
  const { clock, consensus, monitor, askHolds, parts, self, rpc, ipfs } = given
  const logger = silentLogger()
  const marks = parts.use(await openPeerMarks({ consensus, clock, logger }))
  const { delayMs, perSecond, inFlightMax } = plan
  const repin = { isAutomatic: true, delayMs, perSecond, inFlightMax, guardShare: 0.5 }
  const config = { ...CLUSTER, repin }
  const placing = { allocate: ALLOCATE, consensus, monitor, marks }
  const alerts: Pick<Alerts, 'raise' | 'clear' | 'list'> = {
    raise: () => undefined,
    clear: () => undefined,
    list: () => [],
  }
  // No peer of the simulation is short of room.
  const askNoRoom = async () => []
  const base = { self, clock, logger, meter: createNoopMeter(), askHolds, askNoRoom, alerts }
  const recorded = recordMoves(given, marks, false)
  parts.use(openRepinner({ ...base, ...placing, consensus: recorded, monitor }, config))
  const spread = recordMoves(given, marks, true)
  const rebalance = parts.use(openRebalancer({ ...base, ...placing, consensus: spread, rpc, ipfs }, config))
  return { marks, rebalance, choose: request => peerChooser(placing, config)(request) }
}

/** The consensus as whoever moves content has it: the repinner, or what spreads content anew when it is told to. */
function recordMoves(
  { world, index, life, consensus, monitor }: MoverParts,
  marks: PeerMarks,
  isRebalance: boolean,
): Consensus {
  const read = {
    get: (...args: Parameters<Consensus['get']>) => consensus.get(...args),
    getMany: (...args: Parameters<Consensus['getMany']>) => consensus.getMany(...args),
    onChange: (...args: Parameters<Consensus['onChange']>) => consensus.onChange(...args),
    pins: (...args: Parameters<Consensus['pins']>) => consensus.pins(...args),
    isTrusted: (peer: PeerId) => consensus.isTrusted(peer),
  }
  const put: Consensus['put'] = async (pins, options) => {
    const { replacing = [] } = options
    const live = monitor.peers()
    const by = { index, marks, live, isRebalance }
    const moves = pins.map((pin, at) => world.moves.begin(by, replacing[at], pin))
    try {
      await life.bind(consensus.put(pins, options))
    } finally {
      for (const move of moves) world.moves.end(move)
    }
  }
  const state = { get: () => consensus.state }
  const proxy: Consensus = Object.create(consensus, { state })
  return Object.assign(proxy, read, { put })
}
