import type { Meter } from '@opentelemetry/api'
import { messageOf } from '../errors.ts'
import type { Informer, Logger, Monitor, Network, PeerHello } from '../interfaces.ts'
import { toHex } from '../lib/bytes.ts'
import type { Clock } from '../lib/clock.ts'
import { Emitter } from '../lib/emitter.ts'
import { type Instruments, makeInstruments } from '../lib/instruments.ts'
import type { Random } from '../lib/random.ts'
import { repeat } from '../lib/repeat.ts'
import type { Identity } from '../model/identity.ts'
import type { Alert, Metric } from '../model/metric.ts'
import type { PeerId } from '../model/peer.ts'
import type { PeerCondition, PeerHealth } from '../model/peer-health.ts'
import { announceable } from './announceable.ts'
import type { MonitorConfig } from './config.ts'
import { isPresent } from './failure-detector.ts'
import {
  decodeHeartbeat,
  encodeHeartbeat,
  HEARTBEAT_BYTES_MAX,
  type Heartbeat,
  type Refusal,
  type Untimely,
  untimeliness,
} from './heartbeat.ts'
import { MeasureBoard } from './measure-board.ts'
import { type BookRefusal, MetricBook } from './metric-book.ts'
import { MONITOR_METRICS } from './metrics.ts'
import { observeHealth } from './observe-health.ts'
import { PeerWatch } from './peer-watch.ts'
import { openRunNotices } from './run-notices.ts'
import { SecondRuns } from './second-runs.ts'

const PEERS_MAX = 4096
/** How long a beat waits for measures that are just being read; the next one takes them along. */
const READ_WAIT_MS = 250
/**
 * Peers often come several at a time: one beat greets them all, and a second one those whose subscription to the
 * heartbeats was not known yet at the first.
 */
const GREET_AFTER_MS = [200, 800] as const
/** How often this peer asks who it is, which means asking its IPFS node. */
const HELLO_EVERY_MS = 10_000
/** How long the last heartbeat may hold up stopping. */
const GOODBYE_MS = 500
/** Whoever is newly missed is told of at once, unless a heartbeat went out so recently, in parts of the interval. */
const NEWS_PART = 4

/** What the monitor works with. */
export interface MonitorParts {
  readonly network: Pick<Network, 'self' | 'publish' | 'subscribe' | 'onPeer' | 'peers' | 'request' | 'serve'>
  readonly identity: Identity
  readonly informers: readonly Informer[]
  /** What this peer says of itself. When it rejects, the last answer is told again. */
  readonly hello: () => Promise<PeerHello>
  /** Peers that should be there, whether they were heard or not; asked at every check. Default: none. */
  readonly known?: () => Iterable<PeerId>
  /** Trusted peers have precedence when there are too many to remember. Default: all are alike. */
  readonly isTrusted?: (peer: PeerId) => boolean
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly meter: Meter
}

/** Settings of the monitor, and whose heartbeats it follows. */
export interface MonitorOpenConfig extends Omit<MonitorConfig, 'informers'> {
  readonly clusterName: string
}

/**
 * Opens the monitor: it tells all peers at every interval, and whenever one connects, that this one lives and what it
 * measures, and listens to theirs. Heartbeats are signed by their subject; times are those of the receiver.
 */
export async function openMonitor(parts: MonitorParts, config: MonitorOpenConfig): Promise<Monitor> {
  return new HeartbeatMonitor(parts, config)
}

class HeartbeatMonitor implements Monitor {
  readonly #parts: MonitorParts
  readonly #config: MonitorOpenConfig
  readonly #topic: string
  readonly #boot: string
  readonly #book: MetricBook
  readonly #board: MeasureBoard
  readonly #watch: PeerWatch
  readonly #metrics = new Emitter<Metric>()
  readonly #raised = new Emitter<Alert>()
  readonly #beats = new Emitter<{ peer: PeerId; sentAtMs: number; receivedAtMs: number }>()
  readonly #health = new Emitter<PeerHealth>()
  readonly #runs = new SecondRuns(PEERS_MAX)
  readonly #doubled = new Emitter<PeerId>()
  readonly #instruments: Instruments<typeof MONITOR_METRICS>
  readonly #owned = new AsyncDisposableStack()
  readonly #stopping = new AbortController()
  readonly #sending = new Set<Promise<void>>()
  #sequence = 0
  #hello: PeerHello = { peername: '', ipfsId: undefined, ipfsAddresses: [] }
  #helloAtMs = Number.NEGATIVE_INFINITY
  #sentAtMs = Number.NEGATIVE_INFINITY
  #hasLeft = false
  #asking: Promise<void> | undefined
  #greeting: Disposable | undefined

  constructor(parts: MonitorParts, config: MonitorOpenConfig) {
    const { network, clock, random, logger, informers, isTrusted = () => true } = parts
    this.#parts = parts
    this.#config = config
    this.#topic = `pinfold/heartbeat/1/${config.clusterName}`
    this.#boot = toHex(random.bytes(16))
    const instruments = makeInstruments(parts.meter, MONITOR_METRICS)
    this.#instruments = instruments
    this.#watch = this.#owned.use(this.#openWatch(isTrusted))
    this.#book = new MetricBook({
      peersMax: PEERS_MAX,
      isTrusted,
      conditionOf: peer => this.#watch.conditionOf(peer),
      onForget: peer => this.#watch.forget(peer),
    })
    const onFailure = (informer: string) => instruments.failedReads.add(1, { informer })
    this.#board = new MeasureBoard({ informers, clock, logger, onFailure })
    observeHealth(instruments, this.#watch, network.self)
    instruments.disk.observe(() => this.#diskWeight())
    this.expect(parts.known?.() ?? [])
    this.#owned.use(network.subscribe(this.#topic, (bytes, from) => this.#receive(bytes, from)))
    this.#owned.use(
      openRunNotices({
        ...parts,
        protocol: `/pinfold/run/1/${config.clusterName}`,
        isHeard: peer => isPresent(this.#watch.conditionOf(peer) ?? 'gone'),
        ownBeat: () => this.#nextBeat(false).bytes,
        onBeat: (bytes, from) => this.#noteRun(decodeHeartbeat(bytes, from, config.clusterName)),
      }),
    )
    this.#owned.use(network.onPeer(({ isConnected }) => (isConnected ? this.#greetSoon() : undefined)))
    const onError = (thrown: unknown) => logger.error('the monitor failed', { reason: messageOf(thrown) })
    const { pingIntervalMs, checkIntervalMs } = config
    const beat = () => this.#beat(false)
    this.#owned.use(repeat({ clock, everyMs: pingIntervalMs, isEager: true, onError }, beat))
    this.#owned.use(repeat({ clock, everyMs: checkIntervalMs, onError }, async () => this.#check()))
  }

  peers(): readonly PeerId[] {
    return this.#watch.present()
  }

  health(): readonly PeerHealth[] {
    return this.#watch.health()
  }

  onHealth(listener: (change: PeerHealth) => void): Disposable {
    return this.#health.on(listener)
  }

  onBeat(
    listener: (beat: {
      readonly peer: PeerId
      readonly sentAtMs: number
      readonly receivedAtMs: number
    }) => void,
  ): Disposable {
    return this.#beats.on(listener)
  }

  onSecondRun(listener: (peer: PeerId) => void): Disposable {
    return this.#doubled.on(listener)
  }

  hello(peer: PeerId): PeerHello | undefined {
    return this.#book.hello(peer)
  }

  metricNames(): readonly string[] {
    return this.#book.names()
  }

  latest(name: string): readonly Metric[] {
    return this.#book.latest(name, this.#watch.now())
  }

  onMetric(listener: (metric: Metric) => void): Disposable {
    return this.#metrics.on(listener)
  }

  onAlert(listener: (alert: Alert) => void): Disposable {
    return this.#raised.on(listener)
  }

  expect(peers: Iterable<PeerId>): void {
    for (const peer of peers) if (peer !== this.#parts.network.self) this.#watch.expect(peer)
  }

  async beat(): Promise<void> {
    await this.#beat(true)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Others need not wonder: whoever stops in order is expected back.
    await this.#atMost(GOODBYE_MS, this.#send(true))
    this.#hasLeft = true
    this.#stopping.abort(new DOMException('stopped', 'AbortError'))
    this.#greeting?.[Symbol.dispose]()
    await this.#owned.disposeAsync()
    await Promise.all([...this.#sending, this.#asking, this.#board.settled()])
  }

  /** Measures and sends. A forced beat measures everything anew and waits for it. */
  async #beat(isForced: boolean): Promise<void> {
    const { clock } = this.#parts
    const { signal } = this.#stopping
    if (signal.aborted) return
    const isHelloDue = isForced || clock.monotonic() >= this.#helloAtMs + HELLO_EVERY_MS
    if (isHelloDue) {
      this.#asking ??= this.#askHello().finally(() => {
        this.#asking = undefined
      })
    }
    const reads = Promise.all([this.#asking, this.#board.refresh(isForced, { signal })])
    if (isForced) await reads
    else await this.#atMost(READ_WAIT_MS, reads)
    if (!signal.aborted) await this.#send()
  }

  async #send(isLeaving = false): Promise<void> {
    const { network, clock, logger } = this.#parts
    if (this.#hasLeft) return
    this.#sentAtMs = clock.monotonic()
    const { beat, bytes } = this.#nextBeat(isLeaving)
    this.#noteRun(beat)
    this.#book.note(beat, this.#watch.now())
    if (bytes === undefined) {
      logger.error('the heartbeat is too large to be sent: have fewer or shorter tags')
      return
    }
    const sending = network.publish(this.#topic, bytes).then(
      () => this.#instruments.sent.add(1),
      (thrown: unknown) => logger.debug('a heartbeat was not published', { reason: messageOf(thrown) }),
    )
    this.#sending.add(sending)
    await sending
    this.#sending.delete(sending)
  }

  /** With its bytes, if they are not too many. */
  #nextBeat(isLeaving: boolean): { readonly beat: Heartbeat; readonly bytes: Uint8Array | undefined } {
    const { network, identity, clock } = this.#parts
    this.#sequence += 1
    const beat: Heartbeat = {
      peer: network.self,
      boot: this.#boot,
      sequence: this.#sequence,
      sentAtMs: clock.now(),
      intervalMs: this.#config.pingIntervalMs,
      hello: this.#hello,
      measures: this.#board.measures(),
      missed: this.#watch.sends(),
      isLeaving,
    }
    const bytes = encodeHeartbeat(beat, this.#config.clusterName, identity)
    return { beat, bytes: bytes.length > HEARTBEAT_BYTES_MAX ? undefined : bytes }
  }

  #receive(bytes: Uint8Array, from: PeerId): void {
    const beat = decodeHeartbeat(bytes, from, this.#config.clusterName)
    this.#noteRun(beat)
    if (from === this.#parts.network.self) return
    const metrics = typeof beat === 'string' ? beat : this.#take(beat)
    if (typeof metrics === 'string') {
      this.#instruments.refused.add(1, { reason: metrics })
      this.#parts.logger.debug('a heartbeat was refused', { from, reason: metrics })
      return
    }
    this.#instruments.received.add(1)
    for (const metric of metrics) this.#metrics.emit(metric)
  }

  #noteRun(beat: Heartbeat | Refusal): void {
    if (typeof beat === 'string') return
    const isOfThisTime =
      untimeliness(beat, this.#watch.now().wallMs, this.#config.clockSkewMsMax) === undefined
    if (isOfThisTime && this.#runs.note(beat, this.#parts.clock.monotonic())) this.#doubled.emit(beat.peer)
  }

  /** Takes what is signed and sensible, if it is also new and of this time. */
  #take(beat: Heartbeat): readonly Metric[] | Refusal | Untimely | BookRefusal {
    const { peer, sentAtMs } = beat
    if (this.#book.isReplayed(beat)) return 'replayed'
    const now = this.#watch.now()
    const untimely = untimeliness(beat, now.wallMs, this.#config.clockSkewMsMax)
    const metrics = untimely ?? this.#book.note(beat, now)
    // Told also of one that is refused for its time: that the clocks differ is what must be known.
    if (untimely !== undefined || typeof metrics !== 'string')
      this.#beats.emit({ peer, sentAtMs, receivedAtMs: now.wallMs })
    if (typeof metrics !== 'string') this.#watch.heard(peer, beat)
    return metrics
  }

  #openWatch(isTrusted: (peer: PeerId) => boolean): PeerWatch {
    const { network, clock, logger } = this.#parts
    const { detector, pingIntervalMs } = this.#config
    return new PeerWatch(
      {
        self: network.self,
        clock,
        isTrusted,
        onChange: (change, from) => this.#turn(change, from),
        onPause: pauseMs => {
          logger.warn('this process stood still: suspicion of others starts afresh', { pauseMs })
          this.#instruments.pausedSeconds.add(pauseMs / 1000)
        },
        onMissed: () => this.#tellMissed(),
      },
      { ...detector, pingIntervalMs },
    )
  }

  /** Tells of a peer's new condition, and raises the alert of one that is no longer there. */
  #turn(change: PeerHealth, from: PeerCondition | undefined): void {
    const { peer, condition, phi } = change
    const { logger } = this.#parts
    if (from !== undefined) this.#instruments.turns.add(1, { condition })
    if (condition === 'gone' || condition === 'unreachable') {
      logger.warn(condition === 'gone' ? 'a peer is gone' : 'a peer is unreachable', { peer, phi })
    } else if (from !== undefined && !isPresent(from)) logger.info('a peer is back', { peer })
    this.#health.emit(change)
    if (isPresent(condition)) return
    const alert = this.#book.raise(peer, this.#watch.now())
    if (alert !== undefined) this.#raise(alert)
  }

  /** The sooner others know whom this peer misses, the sooner all agree. */
  #tellMissed(): void {
    const { clock } = this.#parts
    if (clock.monotonic() - this.#sentAtMs < this.#config.pingIntervalMs / NEWS_PART) return
    this.#sendSoon()
  }

  #sendSoon(): void {
    const sending = this.#send().finally(() => this.#sending.delete(sending))
    this.#sending.add(sending)
  }

  /** Lets a new peer know soon that this one lives, instead of at the next interval. */
  #greetSoon(turn: 0 | 1 = 0): void {
    if (this.#greeting !== undefined || this.#stopping.signal.aborted) return
    this.#greeting = this.#parts.clock.schedule(GREET_AFTER_MS[turn], () => {
      this.#greeting = undefined
      if (turn === 0) this.#greetSoon(1)
      this.#sendSoon()
    })
  }

  #check(): void {
    this.expect(this.#parts.known?.() ?? [])
    for (const alert of this.#book.check(this.#watch.now(), this.#parts.network.self)) this.#raise(alert)
  }

  #raise(alert: Alert): void {
    this.#instruments.alerts.add(1)
    this.#raised.emit(alert)
  }

  async #askHello(): Promise<void> {
    try {
      const hello = await this.#parts.hello()
      this.#hello = { ...hello, ipfsAddresses: announceable(hello.ipfsAddresses) }
      this.#helloAtMs = this.#parts.clock.monotonic()
    } catch (thrown) {
      this.#parts.logger.debug('what this peer says of itself is not known anew', {
        reason: messageOf(thrown),
      })
    }
  }

  async #atMost(ms: number, work: Promise<unknown>): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    using _timer = this.#parts.clock.schedule(ms, resolve)
    await Promise.race([work, promise])
  }

  #diskWeight(): number {
    const isDisk = (name: string) => name === 'freespace' || name === 'reposize'
    return this.#board.measures().find(({ name }) => isDisk(name))?.weight ?? 0
  }
}
