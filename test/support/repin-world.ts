import assert from 'node:assert/strict'
import { createNoopMeter } from '@opentelemetry/api'
import { toAllocate } from '../../src/allocator/allocate.ts'
import type { ClusterConfig, RepinConfig } from '../../src/cluster/config.ts'
import type { AskNoRoom } from '../../src/cluster/repin/claims.ts'
import { openRepinner } from '../../src/cluster/repin/repinner.ts'
import { ClusterError } from '../../src/errors.ts'
import type { Consensus, PinTracker } from '../../src/interfaces.ts'
import { Emitter } from '../../src/lib/emitter.ts'
import { type Cid, cidFromKey, cidKey } from '../../src/model/cid.ts'
import type { AskHolds } from '../../src/model/holds.ts'
import { identityFromSeed } from '../../src/model/identity.ts'
import type { Metric } from '../../src/model/metric.ts'
import { NO_ROOM_METRIC } from '../../src/model/no-room.ts'
import type { PeerId } from '../../src/model/peer.ts'
import type { FateOf, PeerFate } from '../../src/model/peer-fate.ts'
import type { PeerCondition, PeerHealth } from '../../src/model/peer-health.ts'
import { type PeerMark, unmarked } from '../../src/model/peer-mark.ts'
import { isAllocatedTo, type Pin, toPin } from '../../src/model/pin.ts'
import { ANYWHERE } from '../../src/model/placement.ts'
import { openPinTracker } from '../../src/pintracker/tracker.ts'
import { openMemoryStore } from '../../src/store/memory.ts'
import { type FakeConsensus, fakeConsensus } from './fake-consensus.ts'
import { numberedCid } from './numbered-cid.ts'
import { healthOf, metricOf } from './repin-metrics.ts'
import { seededRandom } from './seeded-random.ts'
import { listeningLogger, type SilentLogger } from './silent-logger.ts'
import { type SmallIpfs, smallIpfs } from './small-ipfs.ts'
import { type VirtualClock, virtualClock } from './virtual-clock.ts'

/** A peer of which only what moves and keeps content is real. */
export interface RepinPeer {
  readonly id: PeerId
  readonly ipfs: SmallIpfs
  readonly logger: SilentLogger
  /** Alerts that hold: kind → message. */
  readonly alerts: Map<string, string>
  isUp: boolean
  /** Its disk takes no writes. */
  isReadOnly: boolean
  /** Whether others choose it for new content. */
  isChoosable: boolean
  /** Whether its IPFS node takes more than it has. */
  hasRoom: boolean
}

/** A write of an allocation. */
export interface AllocationWrite {
  readonly by: PeerId
  readonly cid: string
  readonly from: readonly PeerId[]
  readonly to: readonly PeerId[]
}

/** Peers that share one pinset, on a virtual clock; a test says who lives. Content is where it was pinned, nowhere else. */
export interface RepinWorld extends AsyncDisposable {
  readonly clock: VirtualClock
  readonly consensus: FakeConsensus
  readonly peers: readonly RepinPeer[]
  readonly writes: AllocationWrite[]
  readonly marks: Map<PeerId, PeerMark>
  /** CIDs that can be fetched from outside of the cluster, as keys. */
  readonly source: Set<string>
  /** Called between the last reading of entries and the write that follows. */
  beforeWrite: (pins: readonly Pin[]) => void
  /** Pins a content on peers, by their numbers, and waits for nothing. */
  pin(number: number, peers: readonly number[], options?: Partial<Pin>): Promise<void>
  /** What the others make of a peer from now on. */
  become(peer: number, condition: PeerCondition): void
  /** The process of a peer ends, and the others find it gone. */
  die(peer: number): Promise<void>
  /** It runs again, and the others find it alive. */
  comeBack(peer: number): Promise<void>
  /** Another peer, that nobody has heard of before. */
  join(): Promise<RepinPeer>
  mark(peer: number, mark: Partial<PeerMark>): void
  allocationOf(number: number): Promise<readonly number[]>
  /** How many of the allocated peers that run hold it. */
  copiesOf(number: number): Promise<number>
  idOf(peer: number): PeerId
  /** What a peer that runs says of what another keeps. */
  fateOf(peer: number, by: number): PeerFate | undefined
}

/** Settings of the engine in a world; all others are the default. */
export interface RepinWorldOptions {
  readonly peers: number
  readonly repin?: Partial<RepinConfig>
  /** Peers that are there and that nobody has heard of. */
  readonly unheard?: readonly number[]
}

const REPIN: RepinConfig = {
  isAutomatic: true,
  delayMs: 300_000,
  perSecond: 200,
  inFlightMax: 200,
  guardShare: 0.5,
}
const CONFIG: Omit<ClusterConfig, 'repin'> = {
  peername: '',
  stateSyncIntervalMs: 300_000,
  replication: { min: 2, max: 2 },
  allocateTo: 'any',
  isFollower: false,
  allocateBy: ['freespace'],
  placement: ANYWHERE,
  connectSwarmsDelayMs: 0,
}
const TRACKER = {
  concurrentPins: 10,
  priorityMaxAgeMs: 86_400_000,
  priorityMaxRetries: 5,
  maxAttempts: 0,
  recoverIntervalMs: 720_000,
  windowMax: 10_000,
}

/** Opens so many peers. */
export async function repinWorld(options: RepinWorldOptions): Promise<RepinWorld> {
  const world = new World(options)
  for (let index = 0; index < options.peers; index++) await world.join()
  return world
}

interface Running {
  readonly fateOf: FateOf
  readonly tracker: PinTracker
  readonly parts: AsyncDisposableStack
}

class World implements RepinWorld {
  readonly clock = virtualClock()
  readonly consensus = fakeConsensus()
  readonly peers: RepinPeer[] = []
  readonly writes: AllocationWrite[] = []
  readonly marks = new Map<PeerId, PeerMark>()
  readonly source = new Set<string>()
  readonly #running = new Map<PeerId, Running>()
  readonly #conditions = new Map<PeerId, PeerCondition>()
  readonly #changes = new Emitter<PeerHealth>()
  readonly #marked = new Emitter<PeerMark>()
  /** Peers that are missed and were never there. */
  readonly #unheard = new Set<PeerId>()
  readonly #options: RepinWorldOptions
  beforeWrite: (pins: readonly Pin[]) => void = () => undefined

  constructor(options: RepinWorldOptions) {
    this.#options = options
  }

  idOf(peer: number): PeerId {
    return this.#peer(peer).id
  }

  fateOf(peer: number, by: number): PeerFate | undefined {
    return this.#running.get(this.idOf(by))?.fateOf(this.idOf(peer))
  }

  #peer(index: number): RepinPeer {
    const peer = this.peers[index]
    assert.ok(peer !== undefined, `there is no peer ${index}`)
    return peer
  }

  async join(): Promise<RepinPeer> {
    const index = this.peers.length
    const seed = new Uint8Array(32).fill(index + 1)
    const ipfs = smallIpfs(this.clock, seededRandom(index))
    const peer: RepinPeer = {
      id: identityFromSeed(seed).id,
      ipfs,
      logger: listeningLogger(),
      alerts: new Map(),
      isUp: true,
      isReadOnly: false,
      isChoosable: true,
      hasRoom: true,
    }
    ipfs.watch.onReleased = cid => void this.#checkReleased(peer, cid)
    this.peers.push(peer)
    if (this.#options.unheard?.includes(index) === true) peer.isUp = false
    else await this.#open(peer)
    if (peer.isUp) this.become(index, 'alive')
    return peer
  }

  /** Nobody lets go of what the pinset has before enough others hold it. */
  async #checkReleased(peer: RepinPeer, cid: Cid): Promise<void> {
    const pin = await this.consensus.get(cid)
    if (pin === undefined) return
    assert.ok(!isAllocatedTo(pin, peer.id), 'it unpins what is allocated to it')
    const keepers = this.peers.filter(
      ({ id, ipfs }) => pin.allocations.includes(id) && ipfs.held.has(cidKey(cid)),
    )
    assert.ok(keepers.length >= Math.max(1, Math.min(pin.replicationMin, pin.allocations.length)))
  }

  async #open(peer: RepinPeer): Promise<void> {
    const { clock } = this
    const parts = new AsyncDisposableStack()
    const consensus = this.#consensusOf(peer)
    const trackerOf = (to: PeerId) => {
      const running = this.#running.get(to)
      if (running === undefined) throw new ClusterError('PEER_UNREACHABLE', 'it is not there')
      return running.tracker
    }
    const askHolds: AskHolds = async (to, cids, options) => {
      options.signal.throwIfAborted()
      return trackerOf(to).holds(cids, options)
    }
    const askNoRoom: AskNoRoom = async (to, after) => trackerOf(to).noRoom.list(after)
    const base = {
      self: peer.id,
      clock,
      random: seededRandom(this.peers.length),
      logger: peer.logger,
      meter: createNoopMeter(),
      consensus,
      askHolds,
      askNoRoom,
    }
    const tracker = parts.use(
      await openPinTracker({ ...base, ipfs: this.#ipfsOf(peer), store: openMemoryStore() }, TRACKER),
    )
    const components = {
      ...base,
      allocate: toAllocate({ weightTolerance: 0.01, diskFullShare: 0.95 }),
      alerts: {
        raise: (kind: string, _subject: string, message: string) => void peer.alerts.set(kind, message),
        clear: (kind: string) => void peer.alerts.delete(kind),
        list: () => [],
      },
      marks: {
        of: (id: PeerId) => this.marks.get(id) ?? unmarked(id),
        all: () => [...this.marks.values()],
        set: () => Promise.reject(new Error('not asked for')),
        onChange: (listener: (mark: PeerMark) => void) => this.#marked.on(listener),
        [Symbol.asyncDispose]: async () => undefined,
      },
      monitor: this.#monitorOf(peer),
    }
    const config = { ...CONFIG, repin: { ...REPIN, ...this.#options.repin } }
    const { fateOf } = parts.use(openRepinner(components, config))
    this.#running.set(peer.id, { tracker, parts, fateOf })
    peer.isUp = true
  }

  #consensusOf(peer: RepinPeer): Consensus {
    const { consensus, writes } = this
    const ownState = () => ({
      ...consensus.state,
      readOnly: peer.isReadOnly ? 'the disk is full' : undefined,
    })
    const proxy: Consensus = Object.create(consensus, { state: { get: ownState } })
    return Object.assign(proxy, {
      put: async (pins: readonly Pin[], options: Parameters<Consensus['put']>[1]) => {
        this.beforeWrite(pins)
        const before = await consensus.getMany(pins.map(({ cid }) => cid))
        await consensus.put(pins, options)
        const after = await consensus.getMany(pins.map(({ cid }) => cid))
        after.forEach((pin, at) => {
          const from = before[at]?.allocations ?? []
          const to = pin?.allocations ?? []
          if (from.join() !== to.join()) writes.push({ by: peer.id, cid: String(pin?.cid), from, to })
        })
      },
    })
  }

  /** Content comes from a peer that runs and holds it. */
  #ipfsOf(peer: RepinPeer): SmallIpfs {
    return {
      ...peer.ipfs,
      pin: async (cid, mode, options) => {
        const key = cidKey(cid)
        const isThere = this.source.has(key) || this.peers.some(each => each.isUp && each.ipfs.held.has(key))
        if (!isThere) throw new ClusterError('TIMEOUT', 'nobody has it')
        if (!peer.hasRoom && !peer.ipfs.held.has(key))
          throw new ClusterError('IPFS_FULL', 'the IPFS node is full')
        await peer.ipfs.pin(cid, mode, options)
      },
    }
  }

  #monitorOf({ id: self }: RepinPeer) {
    const health = () =>
      [...this.#conditions].map(([peer, condition]) => {
        const health = healthOf(peer, peer === self ? 'alive' : condition)
        return this.#unheard.has(peer) && condition !== 'alive' ? { ...health, heardAtMs: undefined } : health
      })
    const isThere = ({ condition }: PeerHealth) => condition === 'alive' || condition === 'suspect'
    return {
      health,
      peers: () =>
        health()
          .filter(isThere)
          .map(({ peer }) => peer)
          .sort(),
      onHealth: (listener: (change: PeerHealth) => void) => this.#changes.on(listener),
      hello: () => undefined,
      metricNames: () => ['freespace'],
      latest: (name: string) => this.#latest(name),
      onMetric: () => ({ [Symbol.dispose]: () => undefined }),
      expect: (peers: Iterable<PeerId>) => {
        for (const peer of peers) if (!this.#conditions.has(peer)) this.#expectInVain(peer)
      },
      beat: async () => undefined,
    }
  }

  #latest(name: string): readonly Metric[] {
    if (name !== NO_ROOM_METRIC) {
      const able = this.peers.filter(({ isUp, isChoosable }) => isUp && isChoosable)
      return able.map(({ id }) => metricOf(id, name, 1000, this.clock))
    }
    const running = [...this.#running]
    return running.map(([id, { tracker }]) => metricOf(id, name, tracker.noRoom.count, this.clock))
  }

  #expectInVain(peer: PeerId): void {
    this.#unheard.add(peer)
    const turn = (condition: PeerCondition) => {
      const at = this.peers.findIndex(({ id }) => id === peer)
      if (!this.peers.some(({ id, isUp }) => id === peer && isUp)) this.become(at, condition)
    }
    this.clock.schedule(8000, () => turn('unreachable'))
    this.clock.schedule(12_500, () => turn('gone'))
  }

  async pin(number: number, peers: readonly number[], options: Partial<Pin> = {}): Promise<void> {
    const allocations = peers.map(peer => this.idOf(peer))
    const copies = { replicationMin: allocations.length, replicationMax: allocations.length }
    const pin = toPin(numberedCid(number), { allocations, ...copies, ...options })
    for (const peer of peers) this.#peer(peer).ipfs.held.set(cidKey(pin.cid), 'recursive')
    await this.consensus.put([pin], { signal: new AbortController().signal })
  }

  become(peer: number, condition: PeerCondition): void {
    const id = this.idOf(peer)
    if (this.#conditions.get(id) === condition) return
    this.#conditions.set(id, condition)
    this.#changes.emit(healthOf(id, condition))
  }

  async die(peer: number): Promise<void> {
    const { id } = this.#peer(peer)
    this.#peer(peer).isUp = false
    const running = this.#running.get(id)
    this.#running.delete(id)
    await running?.parts.disposeAsync()
    this.become(peer, 'unreachable')
    this.become(peer, 'gone')
  }

  async comeBack(peer: number): Promise<void> {
    await this.#open(this.#peer(peer))
    this.become(peer, 'alive')
  }

  mark(peer: number, mark: Partial<PeerMark>): void {
    const id = this.idOf(peer)
    const next = { ...(this.marks.get(id) ?? unmarked(id)), ...mark }
    this.marks.set(id, next)
    this.#marked.emit(next)
  }

  async allocationOf(number: number): Promise<readonly number[]> {
    const pin = await this.consensus.get(numberedCid(number))
    return (pin?.allocations ?? [])
      .map(id => this.peers.findIndex(peer => peer.id === id))
      .sort((a, b) => a - b)
  }

  async copiesOf(number: number): Promise<number> {
    const cid = numberedCid(number)
    const pin = await this.consensus.get(cid)
    const isCopy = ({ id, isUp, ipfs }: RepinPeer) =>
      isUp && pin?.allocations.includes(id) === true && ipfs.held.has(cidKey(cid))
    return this.peers.filter(isCopy).length
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { parts } of this.#running.values()) await parts.disposeAsync()
  }
}

/** The CIDs that a peer's IPFS node holds. */
export function heldBy({ ipfs }: RepinPeer): readonly string[] {
  return [...ipfs.held.keys()].map(name => String(cidFromKey(name)))
}
