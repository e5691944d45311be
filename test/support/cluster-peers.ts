import { createNoopMeter } from '@opentelemetry/api'
import { CID } from 'multiformats/cid'
import { sha256 } from 'multiformats/hashes/sha2'
import { AlertBook } from '../../src/alerts/alert-book.ts'
import { ALERT_METRICS } from '../../src/alerts/metrics.ts'
import { toExplainAllocation } from '../../src/allocator/explain.ts'
import { openCluster } from '../../src/cluster/cluster.ts'
import type { ClusterConfig } from '../../src/cluster/config.ts'
import { openPeerMarks } from '../../src/cluster/marks/peer-marks.ts'
import { makeRebalanceAnswer } from '../../src/cluster/rebalance/answer-rebalance.ts'
import { makeRpcHandlers } from '../../src/cluster/rpc-handlers.ts'
import { ClusterError } from '../../src/errors.ts'
import type { Allocate, Block, Cluster, ImportContent, Ipfs, Rpc, RpcHandlers } from '../../src/interfaces.ts'
import { compareBytes } from '../../src/lib/bytes.ts'
import { Emitter } from '../../src/lib/emitter.ts'
import { makeInstruments } from '../../src/lib/instruments.ts'
import { NO_TRACER } from '../../src/lib/span.ts'
import type { AddEntry } from '../../src/model/add.ts'
import { type Cid, cidKey } from '../../src/model/cid.ts'
import { createIdentity } from '../../src/model/identity.ts'
import type { Metric } from '../../src/model/metric.ts'
import type { PeerId } from '../../src/model/peer.ts'
import type { PeerCondition, PeerHealth } from '../../src/model/peer-health.ts'
import { isAllocatedTo, type Pin } from '../../src/model/pin.ts'
import type { PinInfo, PinStatus } from '../../src/model/pin-status.ts'
import type { PinSummary } from '../../src/model/pin-summary.ts'
import type { PinWhy } from '../../src/model/pin-why.ts'
import { ANYWHERE } from '../../src/model/placement.ts'
import { isInRange, type Ranged } from '../../src/model/status-range.ts'
import { type FakeConsensus, fakeConsensus } from './fake-consensus.ts'
import { fakeMonitor, healthOf, pingOf } from './fake-monitor.ts'
import { type SilentLogger, silentLogger } from './silent-logger.ts'
import { type VirtualClock, virtualClock } from './virtual-clock.ts'

/** What a test may do to a peer, and look at. */
export interface TestPeer {
  readonly id: PeerId
  readonly cluster: Cluster & AsyncDisposable
  readonly blocks: Map<string, Block>
  /** How many blocks its IPFS node was handed. */
  putsCount: number
  /** IPFS addresses that the peer's node was told to connect to, in order. */
  readonly connected: string[]
  readonly logger: SilentLogger
  /** Statuses that its tracker gives in place of `pinned`. */
  readonly statuses: Map<string, PinStatus>
  /** Paths that its IPFS node resolves. */
  readonly paths: Map<string, Cid>
  /** undefined = its IPFS node does not answer. */
  ipfs: 'up' | 'down'
  /** What others meet who call it. */
  answers: 'yes' | 'unreachable' | 'forbidden' | 'never'
  /** Blocks that its IPFS node takes before it fails. */
  blocksMax: number
  /** CIDs that it holds until others have them. */
  heldCount: number
  /** Pins of which it says that they find no room on its IPFS node. */
  noRoom: Cid[]
  /** Names of CIDs that it has though they are allocated to others. */
  readonly held: Set<string>
}

/** Peers of one cluster in one process, sharing one pinset. The first is the one that tests ask. */
export interface TestPeers extends AsyncDisposable {
  readonly peers: readonly TestPeer[]
  readonly first: TestPeer
  readonly consensus: FakeConsensus
  readonly clock: VirtualClock
  /** Peers that sent a heartbeat because they were told to, in order. */
  readonly beats: readonly PeerId[]
  /** What every peer makes of another; alive where nothing is said. Say it by `become`. */
  become(peer: PeerId, condition: PeerCondition): void
  /** Makes a heartbeat of a peer arrive at every other. */
  beat(peer: PeerId): void
}

const CONFIG: ClusterConfig = {
  peername: 'peer0',
  stateSyncIntervalMs: 60_000,
  replication: { min: -1, max: -1 },
  allocateTo: 'any',
  isFollower: false,
  allocateBy: ['freespace'],
  placement: ANYWHERE,
  connectSwarmsDelayMs: 0,
  repin: { isAutomatic: false, delayMs: 300_000, perSecond: 200, inFlightMax: 200, guardShare: 0.5 },
}

/** A raw CID, the same for the same text. */
export async function cidOf(text: string): Promise<Cid> {
  return CID.createV1(0x55, await sha256.digest(new TextEncoder().encode(text)))
}

/** A file to add. */
export function fileEntry(path: string, ...chunks: readonly string[]): AddEntry {
  const content = async function* () {
    for (const chunk of chunks) yield new TextEncoder().encode(chunk)
  }
  return { kind: 'file', path, content: content() }
}

/** Keeps those that have it and prefers those that are wished for; the rest by weight. */
const allocate: Allocate = ({ current, preferred, excluded, metrics, replicationMin, replicationMax }) => {
  const able = [...metrics.values()].flat().filter(({ peer }) => !excluded.has(peer))
  const byWeight = able.sort((a, b) => b.weight - a.weight).map(({ peer }) => peer)
  const isAble = (peer: PeerId) => byWeight.includes(peer)
  const ordered = new Set([...current.filter(isAble), ...preferred.filter(isAble), ...byWeight])
  if (ordered.size < replicationMin) {
    throw new ClusterError(
      'NOT_ENOUGH_PEERS',
      `not enough peers to allocate CID. Needed at least: ${replicationMin}`,
    )
  }
  return [...ordered].slice(0, replicationMax)
}

/** One raw block for each chunk; the last is the root. */
const importContent: ImportContent = async function* (entries, _params, put) {
  for await (const entry of entries) {
    if (entry.kind !== 'file') continue
    for await (const bytes of entry.content) {
      const cid = CID.createV1(0x55, await sha256.digest(bytes))
      await put({ cid, bytes })
      yield { name: entry.path, cid, size: bytes.length }
    }
  }
}

/** Opens `count` peers with the given settings for the first of them. */
export async function openPeers(count: number, config: Partial<ClusterConfig> = {}): Promise<TestPeers> {
  const clock = virtualClock()
  const consensus = fakeConsensus()
  const news = new Emitter<Metric>()
  const peers: TestPeer[] = []
  const handlers = new Map<PeerId, RpcHandlers>()
  const ids = Array.from({ length: count }, () => createIdentity().id).sort()
  const beats: PeerId[] = []
  const conditions = new Map<PeerId, PeerCondition>()
  const changes = new Emitter<PeerHealth>()
  const shared = { clock, consensus, news, ids, peers, handlers, beats, conditions, changes }
  for (const [at, id] of ids.entries()) {
    const settings = { ...CONFIG, peername: `peer${at}`, ...(at === 0 ? config : {}) }
    peers.push(await openPeer(shared, id, at, settings))
  }
  const first = peers[0]
  if (first === undefined) throw new Error('a cluster has a peer')
  return {
    peers,
    first,
    consensus,
    clock,
    beats,
    become(peer, condition) {
      conditions.set(peer, condition)
      changes.emit(healthOf(peer, condition))
    },
    beat: peer => news.emit(pingOf(peer)),
    async [Symbol.asyncDispose]() {
      for (const { cluster } of peers) await cluster[Symbol.asyncDispose]()
    },
  }
}

interface Shared {
  readonly clock: VirtualClock
  readonly consensus: FakeConsensus
  readonly news: Emitter<Metric>
  readonly ids: readonly PeerId[]
  readonly peers: readonly TestPeer[]
  readonly handlers: Map<PeerId, RpcHandlers>
  readonly beats: PeerId[]
  readonly conditions: Map<PeerId, PeerCondition>
  readonly changes: Emitter<PeerHealth>
}

async function openPeer(shared: Shared, id: PeerId, at: number, config: ClusterConfig): Promise<TestPeer> {
  const { clock, consensus, ids, handlers } = shared
  const state = {
    id,
    blocks: new Map<string, Block>(),
    putsCount: 0,
    connected: [] as string[],
    logger: silentLogger(),
    statuses: new Map<string, PinStatus>(),
    paths: new Map<string, Cid>(),
    ipfs: 'up' as TestPeer['ipfs'],
    answers: 'yes' as TestPeer['answers'],
    blocksMax: Number.POSITIVE_INFINITY,
    heldCount: 0,
    noRoom: [] as Cid[],
    held: new Set<string>(),
  }
  const components = {
    self: id,
    version: '0.0.0',
    rpcProtocolVersion: '/test/rpc',
    consensus,
    tracker: fakeTracker(consensus, state),
    monitor: fakeMonitor(shared, id),
    network: {
      addresses: () => [`/ip4/127.0.0.1/tcp/${9096 + at}/p2p/${id}`],
      addressesOf: async (peer: PeerId) => [`/ip4/127.0.0.1/tcp/1/p2p/${peer}`],
      peers: () => ids.filter(other => other !== id),
      latencyMs: () => 5,
    },
    ipfs: fakeIpfs(state, at),
    clock,
  }
  const late: { cluster?: Cluster } = {}
  const rebalance = makeRebalanceAnswer(() => late.cluster?.rebalance)
  handlers.set(id, makeRpcHandlers({ ...components, rebalance, peername: config.peername }))
  const cluster = await openCluster(
    {
      ...components,
      marks: await openPeerMarks({ consensus, clock, logger: state.logger }),
      rpc: fakeRpc(shared, id),
      alerts: new AlertBook({
        self: id,
        clock,
        logger: state.logger,
        instruments: makeInstruments(createNoopMeter(), ALERT_METRICS),
      }),
      events: { events: () => only() },
      allocate,
      explainAllocation: toExplainAllocation({ weightTolerance: 0, diskFullShare: 1 }),
      importContent,
      logger: state.logger,
      meter: createNoopMeter(),
      tracer: NO_TRACER,
    },
    config,
  )
  late.cluster = cluster
  return Object.assign(state, { cluster })
}

type PeerState = Omit<TestPeer, 'cluster'>

function fakeTracker(consensus: FakeConsensus, state: PeerState) {
  const infoOf = (cid: Cid, pin: Pin | undefined): PinInfo => {
    const usual = pin === undefined ? 'unpinned' : isAllocatedTo(pin, state.id) ? 'pinned' : 'remote'
    const status = state.statuses.get(cidKey(cid)) ?? usual
    const held = status === 'remote' && state.held.has(cidKey(cid)) ? ({ isHeld: true } as const) : {}
    return { cid, status, timestampMs: 1000, error: '', attemptCount: 0, isPriority: false, ...held, pin }
  }
  const all = async function* (signal: AbortSignal) {
    if (state.ipfs === 'down') throw new ClusterError('IPFS_UNAVAILABLE', 'the IPFS node does not answer')
    for await (const pin of consensus.pins({}, { signal })) yield infoOf(pin.cid, pin)
  }
  return {
    noRoom: { count: 0, list: () => state.noRoom },
    get handOverCount() {
      return state.heldCount
    },
    status: async (cid: Cid) => infoOf(cid, await consensus.get(cid)),
    async *statuses(
      filter: ReadonlySet<PinStatus> | undefined,
      { range = {}, signal }: { signal: AbortSignal } & Ranged,
    ) {
      let left = range.limit ?? Number.POSITIVE_INFINITY
      for await (const info of all(signal)) {
        if (filter?.has(info.status) === false || !isInRange(info.cid, info.pin, range)) continue
        if (left > 0) yield info
        left -= 1
      }
    },
    async summary({ signal }: { signal: AbortSignal }): Promise<PinSummary> {
      const statuses = new Map<PinStatus, number>()
      let pinsCount = 0
      for await (const { status } of all(signal)) {
        pinsCount++
        statuses.set(status, (statuses.get(status) ?? 0) + 1)
      }
      return { pinsCount, statuses, reasons: new Map(), givenUpCount: 0, ipfsFailure: '' }
    },
    holds: async (cids: readonly Cid[]) => {
      const statuses = await Promise.all(cids.map(async cid => infoOf(cid, await consensus.get(cid)).status))
      return statuses.map(status => status === 'pinned')
    },
    async why(cid: Cid): Promise<PinWhy> {
      const info = infoOf(cid, await consensus.get(cid))
      const isHere = info.status === 'pinned'
      return {
        info,
        wants: info.status === 'remote' || info.pin === undefined ? 'nothing' : 'recursive',
        has: isHere ? 'recursive' : 'nothing',
        ipfsFailure: '',
      }
    },
    async recover(cid: Cid) {
      const pin = await consensus.get(cid)
      if (pin === undefined) throw new ClusterError('NOT_FOUND', 'pin is not part of the pinset')
      if (state.statuses.delete(cidKey(cid))) return { ...infoOf(cid, pin), status: 'pin_queued' as const }
      return infoOf(cid, pin)
    },
    async *recoverAll({ signal }: { signal: AbortSignal }) {
      for await (const info of all(signal)) {
        if (info.status === 'pin_error') yield { ...info, status: 'pin_queued' as const }
      }
    },
  }
}

function fakeIpfs(state: PeerState, at: number) {
  const ask = async <T>(answer: () => T): Promise<T> => {
    if (state.ipfs === 'down') throw new ClusterError('IPFS_UNAVAILABLE', 'the IPFS node does not answer')
    return answer()
  }
  const ipfs: Pick<
    Ipfs,
    'id' | 'gc' | 'putBlocks' | 'repoStat' | 'swarmPeers' | 'swarmConnect' | 'resolve' | 'getBlock'
  > = {
    id: () => ask(() => ({ id: `ipfs${at}`, addresses: [], error: '' })),
    async *gc() {
      await ask(() => undefined)
      for (const { cid } of state.blocks.values()) yield { cid }
    },
    async putBlocks(blocks) {
      for await (const block of blocks) {
        await ask(() => undefined)
        if (state.blocks.size >= state.blocksMax) throw new ClusterError('IPFS_REFUSED', 'no space left')
        state.putsCount++
        state.blocks.set(cidKey(block.cid), block)
      }
    },
    repoStat: () => ask(() => ({ sizeBytes: 10 + at, storageMaxBytes: 1000 })),
    swarmPeers: () => ask(() => []),
    swarmConnect: address => ask(() => void state.connected.push(address)),
    resolve: path =>
      ask(() => {
        const cid = state.paths.get(path)
        if (cid === undefined) throw new ClusterError('IPFS_REFUSED', `no link in ${path}`)
        return cid
      }),
    getBlock: cid =>
      ask(() => {
        const block = state.blocks.get(cidKey(cid))
        if (block === undefined) throw new ClusterError('IPFS_REFUSED', 'block was not found')
        return block.bytes
      }),
  }
  return ipfs
}

function fakeRpc({ peers, handlers }: Shared, from: PeerId): Pick<Rpc, 'call'> {
  return {
    async *call(to, name, input, options) {
      const target = peers.find(({ id }) => id === to)
      const handler = handlers.get(to)?.[name]
      if (handler === undefined || target === undefined || target.answers === 'unreachable') {
        throw new ClusterError('PEER_UNREACHABLE', `peer ${to} is not reached`)
      }
      if (target.answers === 'forbidden') throw new ClusterError('FORBIDDEN', 'this peer does not trust you')
      if (target.answers === 'never') {
        await new Promise((_resolve, reject) => {
          options.signal.addEventListener('abort', () => reject(options.signal.reason), { once: true })
        })
      }
      yield* handler(input, from, options)
    },
  }
}

async function* only<Item>(...items: readonly Item[]): AsyncGenerator<Item> {
  yield* items
}

/** Everything of a stream that is known to be short. */
export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const item of items) all.push(item)
  return all
}

/** Sorts bytes of CIDs, as listings are sorted. */
export function byCid(a: { readonly cid: Cid }, b: { readonly cid: Cid }): number {
  return compareBytes(a.cid.bytes, b.cid.bytes)
}
