import assert from 'node:assert'
import type { Connection, PeerId as Libp2pPeerId, Stream } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import type { Meter } from '@opentelemetry/api'
import { ClusterError, messageOf } from '../errors.ts'
import type { Logger, Network, Options, StreamHandler } from '../interfaces.ts'
import { type Clock, timeLimit } from '../lib/clock.ts'
import { Emitter } from '../lib/emitter.ts'
import { type Instruments, makeInstruments } from '../lib/instruments.ts'
import type { Random } from '../lib/random.ts'
import { repeat } from '../lib/repeat.ts'
import type { Identity } from '../model/identity.ts'
import type { PeerId } from '../model/peer.ts'
import { AddressBook, peerOf } from './address-book.ts'
import type { NetworkConfig } from './config.ts'
import { DeafPeers } from './deaf-peers.ts'
import { answer, ask } from './exchange.ts'
import { FramedStream } from './framed-stream.ts'
import { Gossip } from './gossip.ts'
import { closeHost, type Host, openHost } from './host.ts'
import { type Allowance, Inbound } from './inbound.ts'
import { INBOUND_BYTES_MAX, PUBLISH_BYTES_MAX, REQUESTS_MAX, STREAMS_MAX } from './limits.ts'
import { openMeet } from './meet.ts'
import { networkMetrics } from './metrics.ts'
import { makeSecretGuard } from './secret-guard.ts'
import { Turns } from './turns.ts'
import { toUnreachable } from './unreachable.ts'

const GOSSIP_CHECK_MS = 10_000
const PING_TIMEOUT_MS = 10_000

/** What the network needs from its daemon. */
export interface NetworkParts {
  readonly identity: Identity
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly meter: Meter
}

/**
 * Opens this peer's door to the others and begins to look for them; does not wait until any is found. `CONFLICT` when
 * an address is in use, `CONFIG_INVALID` when one cannot be listened on.
 */
export async function openNetwork(parts: NetworkParts, config: NetworkConfig): Promise<Network> {
  const instruments = makeInstruments(parts.meter, networkMetrics)
  const { identity, clock, logger } = parts
  if (config.secret === undefined) {
    logger.warn('cluster.secret is empty: anyone who reaches the port of this peer can talk to it')
  }
  const guard = makeSecretGuard(config.secret, {
    clock,
    logger,
    onMismatch: () => instruments.secretMismatches.add(1),
  })
  const host = await openHost({ identity, guard, logger }, config)
  return new Libp2pNetwork(parts, config, host, instruments)
}

class Libp2pNetwork implements Network {
  readonly self: PeerId
  readonly #parts: NetworkParts
  readonly #config: NetworkConfig
  readonly #host: Host
  readonly #instruments: Instruments<typeof networkMetrics>
  readonly #book: AddressBook
  readonly #gossip: Gossip
  readonly #closing = new AbortController()
  readonly #peerEvents = new Emitter<{ readonly peer: PeerId; readonly isConnected: boolean }>()
  readonly #connected = new Set<PeerId>()
  readonly #latencies = new Map<PeerId, number>()
  readonly #streams = new Set<FramedStream>()
  readonly #inbound = new Inbound({ streamsMax: STREAMS_MAX, bytesMax: INBOUND_BYTES_MAX })
  readonly #turns = new Turns(REQUESTS_MAX)
  readonly #work = new Set<Promise<void>>()
  readonly #deafPeers = new DeafPeers()
  readonly #background: AsyncDisposable[]
  #disposing: Promise<void> | undefined

  constructor(
    parts: NetworkParts,
    config: NetworkConfig,
    host: Host,
    instruments: Instruments<typeof networkMetrics>,
  ) {
    const { clock, random, logger } = parts
    this.self = parts.identity.id
    this.#parts = parts
    this.#config = config
    this.#host = host
    this.#instruments = instruments
    this.#book = new AddressBook(this.self, { clock, random })
    for (const address of config.peerAddresses) this.#book.keep(address)
    this.#gossip = new Gossip(host.services.gossip, logger, {
      onPublished: () => instruments.published.add(1),
      onPublishFailure: () => instruments.publishFailures.add(1),
      onReceived: () => instruments.received.add(1),
    })
    instruments.peers.observe(() => this.#connected.size)
    instruments.connections.observe(() => host.getConnections().length)
    instruments.knownPeers.observe(() => this.#book.size)
    host.addEventListener('peer:connect', event => this.#onConnect(event.detail))
    host.addEventListener('peer:disconnect', event => this.#onDisconnect(event.detail))
    host.addEventListener('peer:identify', ({ detail }) =>
      this.#book.learn(detail.listenAddrs.map(address => withPeer(address.toString(), detail.peerId))),
    )
    this.#background = [
      openMeet(
        {
          network: this,
          book: this.#book,
          dial: (_peer, addresses, options) => this.#dial(addresses, options),
          clock,
          random,
          logger,
          onDialFailure: () => instruments.dialFailures.add(1),
        },
        config,
      ),
      repeat(
        {
          clock,
          everyMs: GOSSIP_CHECK_MS,
          onError: thrown => logger.error('looking after gossip failed', { error: messageOf(thrown) }),
        },
        async () => this.#renewDeaf(),
      ),
    ]
    for (const peer of host.getPeers()) this.#onConnect(peer)
  }

  addresses(): readonly string[] {
    return this.#host.getMultiaddrs().map(String)
  }

  peers(): readonly PeerId[] {
    return [...this.#connected]
  }

  async addressesOf(peer: PeerId): Promise<readonly string[]> {
    return this.#book.addressesOf(peer)
  }

  latencyMs(peer: PeerId): number | undefined {
    if (!this.#connected.has(peer)) return undefined
    const [connection] = this.#host.getConnections(peerIdFromString(peer))
    return connection?.rtt ?? this.#latencies.get(peer)
  }

  async connect(address: string, options: Options): Promise<PeerId> {
    this.#checkOpen()
    const peer = peerOf(address)
    if (peer === undefined) {
      throw new ClusterError('INVALID_ARGUMENT', `"${address}" does not end in /p2p/<peer id>`)
    }
    await this.#dial([address], options)
    this.#book.learn([address])
    return peer
  }

  onPeer(listener: (event: { readonly peer: PeerId; readonly isConnected: boolean }) => void): Disposable {
    return this.#peerEvents.on(listener)
  }

  async publish(topic: string, bytes: Uint8Array): Promise<void> {
    this.#checkOpen()
    assert.ok(bytes.length <= PUBLISH_BYTES_MAX, `a published message of ${bytes.length} bytes is too large`)
    await this.#gossip.publish(topic, bytes)
  }

  subscribe(topic: string, listener: (bytes: Uint8Array, from: PeerId) => void): Disposable {
    return this.#gossip.subscribe(topic, listener)
  }

  async *request(
    to: PeerId,
    protocol: string,
    input: AsyncIterable<Uint8Array>,
    options: Options,
  ): AsyncIterable<Uint8Array> {
    this.#checkOpen()
    options.signal.throwIfAborted()
    this.#instruments.requests.add(1)
    const { stream, turn } = await this.#openStream(to, protocol, options)
    try {
      yield* ask(stream, input, {
        signal: options.signal,
        onLateError: thrown =>
          this.#parts.logger.debug('input failed after its answer', { error: messageOf(thrown) }),
      })
    } catch (thrown) {
      if (!options.signal.aborted) this.#instruments.requestFailures.add(1)
      throw thrown
    } finally {
      this.#streams.delete(stream)
      turn[Symbol.dispose]()
    }
  }

  serve(protocol: string, handler: StreamHandler): Disposable {
    const onStream = (raw: Stream, connection: Connection) => {
      const from = connection.remotePeer.toString()
      const stream = this.#track(raw, from, this.#inbound.open(from, protocol))
      this.#instruments.answered.add(1)
      this.#run(
        answer(stream, handler, from, { signal: this.#closing.signal })
          .catch((thrown: unknown) =>
            this.#parts.logger.debug('a request was not answered to its end', {
              protocol,
              from,
              error: messageOf(thrown),
            }),
          )
          .finally(() => this.#streams.delete(stream)),
      )
    }
    const limits = { maxInboundStreams: STREAMS_MAX, maxOutboundStreams: STREAMS_MAX }
    this.#run(this.#host.handle(protocol, onStream, limits))
    return { [Symbol.dispose]: () => this.#run(this.#host.unhandle(protocol)) }
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#disposing ??= this.#close()
    return this.#disposing
  }

  async #close(): Promise<void> {
    const reason = new ClusterError('NOT_READY', 'the network of this peer is closed')
    this.#closing.abort(reason)
    for (const part of this.#background) await part[Symbol.asyncDispose]()
    for (const stream of this.#streams) stream.reset(reason)
    this.#gossip[Symbol.dispose]()
    await Promise.all(this.#work)
    await closeHost(this.#host)
    this.#connected.clear()
  }

  async #dial(addresses: readonly string[], { signal }: Options): Promise<void> {
    const peer = peerOf(addresses[0] ?? '') ?? ''
    const limit = timeLimit(this.#config.dialTimeoutMs)
    try {
      await this.#host.dial(
        addresses.map(address => multiaddr(address)),
        { signal: AbortSignal.any([signal, this.#closing.signal, limit]) },
      )
    } catch (thrown) {
      signal.throwIfAborted()
      throw toUnreachable(peer, thrown)
    }
  }

  async #openStream(
    to: PeerId,
    protocol: string,
    { signal }: Options,
  ): Promise<{ readonly stream: FramedStream; readonly turn: Disposable }> {
    const limit = timeLimit(2 * this.#config.dialTimeoutMs + PING_TIMEOUT_MS)
    const whole = AbortSignal.any([signal, this.#closing.signal, limit])
    let turn: Disposable | undefined
    try {
      turn = await this.#turns.take(`${to} ${protocol}`, whole)
      const peer = peerIdFromString(to)
      const known = this.#connected.has(to) ? [] : this.#book.addressesOf(to)
      if (known.length > 0) await this.#dial(known, { signal: whole })
      const raw = await this.#host.dialProtocol(peer, protocol, {
        signal: whole,
        maxOutboundStreams: STREAMS_MAX,
      })
      return { stream: this.#track(raw, to), turn }
    } catch (thrown) {
      turn?.[Symbol.dispose]()
      signal.throwIfAborted()
      this.#instruments.requestFailures.add(1)
      if (turn === undefined && limit.aborted) {
        const text = `${REQUESTS_MAX} requests of ${protocol} to peer ${to} are under way: try again when some are done`
        throw new ClusterError('RATE_LIMITED', text, { details: { peer: to } })
      }
      throw toUnreachable(to, thrown)
    }
  }

  #track(raw: Stream, peer: PeerId, allowance?: Allowance): FramedStream {
    const stream = new FramedStream(raw, peer, this.#parts.clock, allowance)
    this.#streams.add(stream)
    if (this.#closing.signal.aborted) stream.reset(this.#closing.signal.reason)
    return stream
  }

  #onConnect(id: Libp2pPeerId): void {
    const peer = id.toString()
    if (this.#connected.has(peer) || this.#closing.signal.aborted) return
    this.#connected.add(peer)
    this.#peerEvents.emit({ peer, isConnected: true })
    this.#run(this.#measure(id))
  }

  #onDisconnect(id: Libp2pPeerId): void {
    const peer = id.toString()
    if (!this.#connected.delete(peer)) return
    this.#latencies.delete(peer)
    if (!this.#closing.signal.aborted) this.#peerEvents.emit({ peer, isConnected: false })
  }

  /** The first round trip; the connection monitor measures the later ones. */
  async #measure(id: Libp2pPeerId): Promise<void> {
    const signal = AbortSignal.any([this.#closing.signal, AbortSignal.timeout(PING_TIMEOUT_MS)])
    try {
      const latencyMs = await this.#host.services.ping.ping(id, { signal })
      if (this.#connected.has(id.toString())) this.#latencies.set(id.toString(), latencyMs)
    } catch (thrown) {
      this.#parts.logger.debug('a peer was not measured', { peer: id.toString(), error: messageOf(thrown) })
    }
  }

  #renewDeaf(): void {
    const topics = this.#gossip.topics()
    const view = {
      connected: this.peers(),
      gossiping: this.#gossip.peers(),
      subscribed: new Set(topics.flatMap(topic => this.#gossip.subscribers(topic))),
      hasTopics: topics.length > 0,
    }
    for (const peer of this.#deafPeers.find(view, this.#parts.clock.monotonic())) {
      this.#instruments.deafPeers.add(1)
      this.#parts.logger.info('gossip with a peer has died: the connection is opened anew', { peer })
      const reason = new Error('gossip over this connection has died')
      for (const connection of this.#host.getConnections(peerIdFromString(peer))) connection.abort(reason)
    }
  }

  /** Work in the background that disposal waits for. */
  #run(task: Promise<void>): void {
    const done = task
      .catch((thrown: unknown) =>
        this.#parts.logger.debug('background work failed', { error: messageOf(thrown) }),
      )
      .finally(() => this.#work.delete(done))
    this.#work.add(done)
  }

  #checkOpen(): void {
    this.#closing.signal.throwIfAborted()
  }
}

function withPeer(address: string, peer: Libp2pPeerId): string {
  return peerOf(address) === undefined ? `${address}/p2p/${peer.toString()}` : address
}
