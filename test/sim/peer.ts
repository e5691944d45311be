import { createHash } from 'node:crypto'
import { createNoopMeter } from '@opentelemetry/api'
import { Create } from 'typebox/value'
import { makeAskHolds } from '../../src/cluster/ask-holds.ts'
import { openExpiry } from '../../src/cluster/expiry.ts'
import { makeRebalanceAnswer } from '../../src/cluster/rebalance/answer-rebalance.ts'
import { makeRpcHandlers } from '../../src/cluster/rpc-handlers.ts'
import { consensusSchema, toConsensusConfig } from '../../src/consensus/config.ts'
import { openPinset } from '../../src/consensus/pinset.ts'
import { ClusterError, messageOf } from '../../src/errors.ts'
import type { Consensus, Monitor, PinRequests, PinTracker, Rpc } from '../../src/interfaces.ts'
import type { Clock } from '../../src/lib/clock.ts'
import type { Random } from '../../src/lib/random.ts'
import type { Cid } from '../../src/model/cid.ts'
import { type Identity, identityFromSeed } from '../../src/model/identity.ts'
import type { PeerId } from '../../src/model/peer.ts'
import type { Pin } from '../../src/model/pin.ts'
import { valueInformer } from '../../src/monitor/informers/value-informer.ts'
import { openMonitor } from '../../src/monitor/monitor.ts'
import { pinTrackerSchema, recoverSchema, toPinTrackerConfig } from '../../src/pintracker/config.ts'
import { openPinTracker } from '../../src/pintracker/tracker.ts'
import { openRpc, RPC_PROTOCOL } from '../../src/rpc/rpc.ts'
import { healing } from '../../src/store/healing-store.ts'
import { type FakeIpfs, openFakeIpfs } from '../support/fake-ipfs.ts'
import { fakeNetwork } from '../support/fake-network.ts'
import { monitorConfig } from '../support/monitor-config.ts'
import { seededRandom } from '../support/seeded-random.ts'
import { silentLogger } from '../support/silent-logger.ts'
import { Disk } from './disk.ts'
import { type IpfsOfLife, ipfsOfLife } from './ipfs-of-life.ts'
import type { Write } from './ledger.ts'
import { leftBehind } from './left-behind.ts'
import { clockOf, Life, type Skew } from './life.ts'
import { type Mover, openMover, roomInformer } from './mover.ts'
import { openRequester } from './requester.ts'
import { FOREVER, type World } from './world.ts'

const OPTIONS = { signal: FOREVER }
const EXPIRY_EVERY_MS = 20_000
const BOOT_AGAIN_MS = 1000
const METER = createNoopMeter()
const PINSET_METRIC = 'pinset'
const TRACKER_CONFIG = toPinTrackerConfig(Create(pinTrackerSchema), Create(recoverSchema))

/** The parts of a peer at work. */
export interface Running {
  readonly life: Life
  readonly consensus: Consensus
  readonly tracker: PinTracker
  readonly monitor: Monitor
  readonly rpc: Rpc
  /** Absent where nobody moves content. */
  readonly mover: Mover | undefined
  readonly requests: PinRequests
  readonly parts: AsyncDisposableStack
}

/** The identity of the peer with this number under a seed. */
export function identityOf(seed: number, index: number): Identity {
  return identityFromSeed(new Uint8Array(createHash('sha256').update(`${seed} peer ${index}`).digest()))
}

/** Settings of the pinset in a world. `trusted` undefined: everybody is. */
export function pinsetConfig({ plan }: World, trusted: ReadonlySet<PeerId> | undefined) {
  const { partitionsCount, memoryBudgetBytes, repairIntervalMs } = plan
  const usual = toConsensusConfig(Create(consensusSchema))
  return { ...usual, trustedPeers: trusted, partitionsCount, memoryBudgetBytes, repairIntervalMs }
}

/** A machine of the cluster: its disks, its clock, its IPFS node, and the daemon that runs on it or does not. */
export class SimPeer {
  readonly index: number
  readonly identity: Identity
  readonly disk: Disk
  readonly trackerDisk: Disk
  readonly ipfs: FakeIpfs
  readonly skew: Skew = { offsetMs: 0 }
  readonly #world: World
  readonly #trusted: ReadonlySet<PeerId>
  running: Running | undefined
  /** Whether the daemon is to run. */
  isOn = false
  hasLeft = false
  /** Moment at which the disk was put back to a backup. */
  restoredAt = 0
  /** Contents that IPFS may keep though nobody wants them: no life of the daemon can know of them. */
  readonly mayKeep = new Set<string>()
  #life = new Life()
  #livesCount = 0
  #stopping: Promise<void> | undefined

  constructor(world: World, index: number, trusted: ReadonlySet<PeerId>) {
    const { clock, lies } = world
    this.#world = world
    this.#trusted = trusted
    this.index = index
    this.identity = identityOf(world.plan.seed, index)
    const random = world.random(`disk ${index}`)
    const onBatch = (writes: Parameters<ConstructorParameters<typeof Disk>[0]['onBatch']>[0]) => {
      world.trace.add(`peer ${index} commits ${digestOf(writes)}`)
      world.oracle.onBatch(index, this.#livesCount, writes)
    }
    this.disk = new Disk({ clock, random, lies, onBatch })
    this.trackerDisk = new Disk({ clock, random, lies, onBatch: () => undefined })
    this.ipfs = openFakeIpfs({ clock }, { name: `${world.plan.seed} ${index}`, isAllContentFound: true })
    world.nodes.set(this.id, this.ipfs)
    const { pinMsMax = 0 } = world.plan.moves ?? {}
    const pins = world.random(`pins ${index}`)
    if (pinMsMax > 0) this.ipfs.faults.delayMs = ({ name }) => (name === 'pin' ? pins.next() * pinMsMax : 0)
  }

  get id(): PeerId {
    return this.identity.id
  }

  /** Starts the daemon, again and again until it runs or is no longer wanted. Nobody need wait for it. */
  async boot(): Promise<void> {
    this.isOn = true
    await this.#stopping
    while (this.isOn && this.running === undefined) {
      const life = new Life()
      this.#life = life
      this.#livesCount++
      try {
        this.running = await life.bind(this.#open(life))
        this.#world.trace.add(`peer ${this.index} runs`)
      } catch (thrown) {
        this.#notePanic(thrown)
        this.#world.trace.add(`peer ${this.index} does not start: ${messageOf(thrown)}`)
        await life.bind(this.#world.clock.sleep(BOOT_AGAIN_MS, FOREVER))
      }
    }
  }

  async #open(life: Life): Promise<Running> {
    const { plan, hub, lies } = this.#world
    const { identity, id: self } = this
    const clock = clockOf(life, this.#world.clock, this.skew)
    const drawn = this.#world.random(`peer ${this.index} life ${this.#livesCount}`)
    const random = lies.reusesIncarnation ? forgetful(drawn, this.#world.random(`peer ${this.index}`)) : drawn
    const base = { self, identity, clock, random, logger: silentLogger(), meter: METER }
    const parts = new AsyncDisposableStack()
    try {
      const network = hub.join(self)
      parts.use(network)
      const consensus = parts.use(
        await openPinset(
          { ...base, network, store: await this.disk.open(life) },
          pinsetConfig(this.#world, this.#trusted),
        ),
      )
      const ipfs = this.#ipfsOf(life)
      const calls: { rpc?: Rpc } = {}
      const askHolds = makeAskHolds(() => calls.rpc)
      const tracker = parts.use(
        await openPinTracker(
          { ...base, consensus, ipfs, askHolds, store: healing(await this.trackerDisk.open(life)) },
          { ...TRACKER_CONFIG, recoverIntervalMs: plan.recoverIntervalMs, windowMax: plan.windowMax },
        ),
      )
      parts.defer(() => consensus.settle())
      const isTrusted = (peer: PeerId) => consensus.isTrusted(peer)
      const { pingIntervalMs } = plan
      const informers = [
        valueInformer(PINSET_METRIC, 2 * pingIntervalMs, () => consensus.rootDigest),
        ...(plan.moves === undefined ? [] : [roomInformer(4 * pingIntervalMs)]),
      ]
      const peername = `peer ${this.index}`
      const hello = async () => ({ peername, ipfsId: this.ipfs.peer, ipfsAddresses: [] })
      const monitor = parts.use(
        await openMonitor(
          { ...base, network, isTrusted, informers, hello, known: () => this.#world.known },
          monitorConfig({ pingIntervalMs, checkIntervalMs: pingIntervalMs, clusterName: 'sim' }),
        ),
      )
      parts.use(
        monitor.onMetric(({ name, peer, value }) => {
          if (name === PINSET_METRIC) consensus.noticeDigest(peer, value)
        }),
      )
      const local = { self, version: '0.0.0', rpcProtocolVersion: RPC_PROTOCOL, peername, clock, random }
      const rebalance = makeRebalanceAnswer(() => this.running?.mover?.rebalance)
      const answering = { ...local, consensus, tracker, monitor, network, ipfs: this.ipfs, rebalance }
      const handlers = makeRpcHandlers(answering)
      const rpc = parts.use(openRpc({ ...base, network, isTrusted, handlers }))
      calls.rpc = rpc
      parts.use(this.#expire({ consensus, monitor, clock, life }))
      const seams = { self, clock, consensus, monitor, rpc, parts }
      const here = { world: this.#world, index: this.index, ipfs: this.ipfs, life, askHolds }
      const mover = plan.moves === undefined ? undefined : await openMover({ ...seams, ...here }, plan.moves)
      const requests = await openRequester({
        ...seams,
        random,
        mover,
        nextName: () => this.#world.ledger.nextName(),
        write: (cids, pins) => this.#write(life, consensus, cids, pins),
      })
      return { life, consensus, tracker, monitor, rpc, mover, requests, parts }
    } catch (thrown) {
      await parts.disposeAsync()
      throw thrown
    }
  }

  /** The real rule of who removes what has expired, its removals entered in the ledger. */
  #expire(parts: { consensus: Consensus; monitor: Monitor; clock: Clock; life: Life }): AsyncDisposable {
    const { consensus, monitor, clock, life } = parts
    const logger = silentLogger()
    const recorded: Consensus = Object.assign(Object.create(consensus), {
      get: (cid: Cid) => consensus.get(cid),
      getMany: (cids: readonly Cid[]) => consensus.getMany(cids),
      onChange: (listener: (cids: readonly Cid[]) => void) => consensus.onChange(listener),
      pins: (...args: Parameters<Consensus['pins']>) => consensus.pins(...args),
      isTrusted: (peer: PeerId) => consensus.isTrusted(peer),
      remove: (cids: readonly Cid[]) => this.#write(life, consensus, cids, undefined),
    })
    const components = { clock, logger, monitor, self: this.id, ipfs: this.ipfs }
    return openExpiry({ ...components, consensus: recorded }, { passEveryMs: EXPIRY_EVERY_MS })
  }

  #ipfsOf(life: Life): IpfsOfLife {
    const { index, id, ipfs, mayKeep } = this
    return ipfsOfLife({ world: this.#world, life, index, id, ipfs, mayKeep })
  }

  /** The root digest that another process would have that opened a copy of this peer's disk. */
  async digestFromDisk(): Promise<string> {
    const { clock } = this.#world
    const hub = fakeNetwork({ clock, random: seededRandom(0) })
    const { identity } = this
    const base = { identity, clock, random: seededRandom(0), logger: silentLogger(), meter: METER }
    const components = { ...base, network: hub.join(this.id), store: this.disk.contents.copy() }
    const pinset = await openPinset(components, pinsetConfig(this.#world, this.#trusted))
    const { rootDigest } = pinset
    await pinset[Symbol.asyncDispose]()
    return rootDigest
  }

  /** Writes pins. Does nothing while the daemon does not run. */
  async put(pins: readonly Pin[]): Promise<void> {
    if (this.running === undefined) return
    const { life, consensus, mover } = this.running
    try {
      const placed = mover === undefined ? pins : pins.map(pin => this.#place(mover, pin))
      const cids = placed.map(({ cid }) => cid)
      await this.#write(life, consensus, cids, placed)
    } catch (thrown) {
      this.#notePanic(thrown)
    }
  }

  /** As pinning does: on peers that are chosen now. */
  #place({ choose }: Mover, pin: Pin): Pin {
    const { cid, replicationMin: min, replicationMax: max } = pin
    const existing = this.#world.oracle.shownPin(this.index, cid)
    const allocations = choose({ cid, replication: { min, max }, existing, preferred: [] })
    return { ...pin, allocations }
  }

  /** Does something with what runs. Does nothing while the daemon does not run. */
  async ask(work: (running: Running) => Promise<void>): Promise<void> {
    const { running } = this
    if (running === undefined) return
    await running.life.bind(work(running)).catch((thrown: unknown) => this.#notePanic(thrown))
  }

  /** Removes pins. Does nothing while the daemon does not run. */
  async remove(cids: readonly Cid[]): Promise<void> {
    if (this.running === undefined) return
    const { life, consensus } = this.running
    await this.#write(life, consensus, cids, undefined).catch((thrown: unknown) => this.#notePanic(thrown))
  }

  async #write(
    life: Life,
    consensus: Consensus,
    cids: readonly Cid[],
    pins: readonly Pin[] | undefined,
  ): Promise<void> {
    const { ledger, oracle, trace } = this.#world
    const writes = cids.map((cid, at) =>
      ledger.begin(this.index, cid, pins?.[at], oracle.shown(this.index, cid)),
    )
    const ids = writes.map(({ id, pin, saw }) => `${pin?.name ?? `-${id}`}(${saw ?? ''})`).join(' ')
    trace.add(`peer ${this.index} ${pins === undefined ? 'removes' : 'puts'} ${ids}`)
    const end = (outcome: Exclude<Write['outcome'], 'open'>) => {
      trace.add(`peer ${this.index} ${outcome} ${ids}`)
      for (const write of writes) ledger.end(write, outcome)
    }
    try {
      await life.bind(pins === undefined ? consensus.remove(cids, OPTIONS) : consensus.put(pins, OPTIONS))
    } catch (thrown) {
      end('failed')
      throw thrown
    }
    end('acked')
    for (const write of writes) oracle.onAnswered(write)
  }

  /** The daemon is closed in order. A new one starts only after that. */
  async stop(): Promise<void> {
    this.isOn = false
    this.#stopping ??= this.#stop().finally(() => {
      this.#stopping = undefined
    })
    await this.#stopping
  }

  /** Whether it is being closed in order. */
  get isStopping(): boolean {
    return this.#stopping !== undefined
  }

  async #stop(): Promise<void> {
    const { running } = this
    this.running = undefined
    if (running === undefined) return this.#die()
    const limit = this.#world.clock.schedule(STOP_MS_MAX, () => {
      this.#world.fail(`peer ${this.index} does not stop`)
    })
    await running.parts.disposeAsync()
    limit[Symbol.dispose]()
    this.#die()
    // What it has to unpin yet it has noted, if it could.
    if (this.trackerDisk.isFailing) await this.#leaveBehind()
    await this.#look()
  }

  /** Which of its runs it is in; undefined while it does not run. */
  get lifeNumber(): number | undefined {
    return this.running === undefined ? undefined : this.#livesCount
  }

  /** The process is killed, or the power fails. */
  async crash(kind: 'kill' | 'power cut'): Promise<void> {
    this.isOn = false
    this.#die()
    for (const disk of [this.disk, this.trackerDisk]) await (kind === 'kill' ? disk.kill() : disk.cutPower())
    await this.#leaveBehind()
    await this.#look()
  }

  /** The disk of the pinset is put back to the last backup; false when there is none. */
  async restore(): Promise<boolean> {
    if (this.isStopping || !this.disk.hasBackup) return false
    this.isOn = false
    this.#die()
    this.disk.restore()
    await this.#leaveBehind()
    this.restoredAt = this.#world.ledger.now()
    await this.#look()
    return true
  }

  async #leaveBehind(): Promise<void> {
    for (const key of await leftBehind(this.ipfs.held.keys(), this)) this.mayKeep.add(key)
  }

  #die(): void {
    this.running = undefined
    this.#life.isOver = true
    this.#world.hub.drop(this.id)
    this.#world.ledger.die(this.index)
  }

  /** Errors by which a daemon says that the world is bad are answers; all others are faults of the program. */
  #notePanic(thrown: unknown): void {
    if (thrown instanceof ClusterError && thrown.code !== 'INTERNAL') return
    this.#world.fail(`peer ${this.index} threw ${thrown instanceof Error ? thrown.stack : String(thrown)}`)
  }

  async #look(): Promise<void> {
    await this.#world.oracle.onRestart(this.index, this.disk.contents, this.restoredAt)
  }
}

const STOP_MS_MAX = 120_000

/** Every first draw of six bytes is the same, as if the process had forgotten that it ran before. */
function forgetful(random: Random, first: Random): Random {
  const bytes = first.bytes(6)
  return { next: () => random.next(), bytes: length => (length === 6 ? bytes : random.bytes(length)) }
}

function digestOf(
  writes: readonly { readonly key: Uint8Array; readonly value: Uint8Array | undefined }[],
): string {
  const hash = createHash('sha256')
  for (const { key, value } of writes) hash.update(key).update(value ?? 'none')
  return hash.digest('hex').slice(0, 12)
}
