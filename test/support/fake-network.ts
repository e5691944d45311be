import assert from 'node:assert/strict'
import { ClusterError } from '../../src/errors.ts'
import type { Network, Options, StreamHandler } from '../../src/interfaces.ts'
import type { Clock } from '../../src/lib/clock.ts'
import { Emitter } from '../../src/lib/emitter.ts'
import type { Random } from '../../src/lib/random.ts'
import type { PeerId } from '../../src/model/peer.ts'
import { answer, ask } from '../../src/network/exchange.ts'
import { MESSAGE_BYTES_MAX, PUBLISH_BYTES_MAX } from '../../src/network/limits.ts'
import { type FakeStream, pipePair } from './fake-stream.ts'

/** What may happen to messages on their way. Shares are in [0, 1], delays uniform between two bounds. */
export interface NetworkFaults {
  /** Of published messages, for each receiver. */
  lossShare: number
  /** Of published messages, for each receiver: comes twice. */
  duplicateShare: number
  /** Of request streams: reset when they open or while they run, with this chance for each message. */
  resetShare: number
  delayMinMs: number
  delayMaxMs: number
}

/** Peers in one process that reach each other without sockets. */
export interface FakeNetwork {
  /** May be changed at any time; all off at first. */
  readonly faults: NetworkFaults
  /** A new peer, connected to every other that no cut separates it from. A peer may join again once it is disposed. */
  join(peer: PeerId): Network
  /** Closes the connection between two peers and keeps it closed; streams between them are reset. */
  cut(a: PeerId, b: PeerId): void
  /**
   * Lets nothing through from one peer to another, while the other direction works and both take themselves for
   * connected: gossip is lost, requests fail when the link is found dead, streams that are open break.
   */
  mute(from: PeerId, to: PeerId): void
  /** Cuts every peer of the group off from every one outside it, also those that join later. */
  isolate(group: readonly PeerId[]): void
  /** Undoes all cuts. */
  heal(): void
  /** The process of a peer is gone: nothing reaches it or comes from it, and the others see it go. */
  drop(peer: PeerId): void
  /** Whether two joined peers have a connection. */
  isConnected(a: PeerId, b: PeerId): boolean
  /** Messages delivered to subscribers so far. */
  readonly deliveredCount: number
}

/** What the hub needs: delays pass on the clock, chance decides on faults. Same seed, same calls: same events. */
export interface FakeNetworkParts {
  readonly clock: Clock
  readonly random: Random
}

/** After so long without an answer a request over a link that is mute in one direction fails. */
const DEAD_LINK_MS = 10_000

/** A hub without peers and without faults. */
export function fakeNetwork(parts: FakeNetworkParts): FakeNetwork {
  return new Hub(parts)
}

class Hub implements FakeNetwork {
  readonly faults: NetworkFaults = {
    lossShare: 0,
    duplicateShare: 0,
    resetShare: 0,
    delayMinMs: 0,
    delayMaxMs: 0,
  }
  readonly peers = new Map<PeerId, FakePeer>()
  readonly #clock: Clock
  readonly #random: Random
  readonly #cuts = new Set<string>()
  readonly #mute = new Set<string>()
  readonly #isolated: ReadonlySet<PeerId>[] = []
  deliveredCount = 0

  constructor({ clock, random }: FakeNetworkParts) {
    this.#clock = clock
    this.#random = random
  }

  join(self: PeerId): Network {
    assert.ok(!this.peers.has(self), `${self} has joined already`)
    const peer = new FakePeer(self, this)
    this.peers.set(self, peer)
    this.refresh()
    return peer
  }

  drop(peer: PeerId): void {
    void this.peers.get(peer)?.[Symbol.asyncDispose]()
  }

  leave(peer: FakePeer): void {
    if (this.peers.get(peer.self) === peer) this.peers.delete(peer.self)
    this.refresh()
  }

  cut(a: PeerId, b: PeerId): void {
    this.#cuts.add(pairOf(a, b))
    this.refresh()
  }

  mute(from: PeerId, to: PeerId): void {
    this.#mute.add(`${from} ${to}`)
    this.peers.get(from)?.break(to)
    this.peers.get(to)?.break(from)
  }

  isMute(from: PeerId, to: PeerId): boolean {
    return this.#mute.has(`${from} ${to}`)
  }

  /** Fails with the time that it takes to find a link dead, if it is. */
  async findDead(from: PeerId, to: PeerId, signal: AbortSignal): Promise<void> {
    if (!this.isMute(from, to) && !this.isMute(to, from)) return
    await this.#clock.sleep(DEAD_LINK_MS, signal)
    throw unreachable(to, 'the link is dead')
  }

  isolate(group: readonly PeerId[]): void {
    this.#isolated.push(new Set(group))
    this.refresh()
  }

  heal(): void {
    this.#cuts.clear()
    this.#mute.clear()
    this.#isolated.length = 0
    this.refresh()
  }

  isConnected(a: PeerId, b: PeerId): boolean {
    return (
      a !== b &&
      this.peers.has(a) &&
      this.peers.has(b) &&
      !this.#cuts.has(pairOf(a, b)) &&
      this.#isolated.every(group => group.has(a) === group.has(b))
    )
  }

  /** Brings every peer's connections in line with who is there and what is cut. */
  refresh(): void {
    for (const peer of this.peers.values()) {
      peer.see([...this.peers.keys()].filter(other => this.isConnected(peer.self, other)))
    }
  }

  /** Runs the task after a delay by the faults of now; at once, but not within this call, when there is none. */
  later(task: () => void): void {
    const { delayMinMs, delayMaxMs } = this.faults
    if (delayMaxMs <= 0) return queueMicrotask(task)
    const delayMs = delayMinMs + this.#random.next() * (delayMaxMs - delayMinMs)
    this.#clock.schedule(delayMs, task)
  }

  chance(share: number): boolean {
    return share > 0 && this.#random.next() < share
  }

  /** Gossip: reaches every subscriber that a chain of connected subscribers leads to. */
  publish(from: FakePeer, topic: string, bytes: Uint8Array): void {
    for (const receiver of this.#reachable(from, topic)) {
      if (this.chance(this.faults.lossShare)) continue
      const copies = this.chance(this.faults.duplicateShare) ? 2 : 1
      for (let copy = 0; copy < copies; copy++) {
        const message = bytes.slice()
        this.later(() => {
          if (receiver.deliver(topic, message, from.self)) this.deliveredCount++
        })
      }
    }
  }

  #reachable(from: FakePeer, topic: string): readonly FakePeer[] {
    const found = new Set([from])
    for (const peer of found) {
      for (const other of this.peers.values()) {
        if (
          other.hasTopic(topic) &&
          this.isConnected(peer.self, other.self) &&
          !this.isMute(peer.self, other.self)
        )
          found.add(other)
      }
    }
    found.delete(from)
    return [...found]
  }
}

class FakePeer implements Network {
  readonly self: PeerId
  readonly #hub: Hub
  readonly #closing = new AbortController()
  readonly #peerEvents = new Emitter<{ readonly peer: PeerId; readonly isConnected: boolean }>()
  readonly #topics = new Map<string, Emitter<{ readonly bytes: Uint8Array; readonly from: PeerId }>>()
  readonly #handlers = new Map<string, StreamHandler>()
  readonly #streams = new Map<FakeStream, PeerId>()
  readonly #answering = new Set<Promise<void>>()
  #connected: readonly PeerId[] = []

  constructor(self: PeerId, hub: Hub) {
    this.self = self
    this.#hub = hub
  }

  addresses(): readonly string[] {
    return [`/memory/${this.self}/p2p/${this.self}`]
  }

  peers(): readonly PeerId[] {
    return this.#connected
  }

  async addressesOf(peer: PeerId): Promise<readonly string[]> {
    return this.#hub.peers.has(peer) ? [`/memory/${peer}/p2p/${peer}`] : []
  }

  latencyMs(peer: PeerId): number | undefined {
    const { delayMinMs, delayMaxMs } = this.#hub.faults
    return this.#connected.includes(peer) ? delayMinMs + delayMaxMs : undefined
  }

  async connect(address: string, options: Options): Promise<PeerId> {
    options.signal.throwIfAborted()
    const peer = address.split('/p2p/').at(-1) ?? ''
    if (!this.#hub.isConnected(this.self, peer)) throw unreachable(peer, 'no connection')
    return peer
  }

  onPeer(listener: (event: { readonly peer: PeerId; readonly isConnected: boolean }) => void): Disposable {
    return this.#peerEvents.on(listener)
  }

  async publish(topic: string, bytes: Uint8Array): Promise<void> {
    this.#checkOpen()
    assert.ok(bytes.length <= PUBLISH_BYTES_MAX, `a published message of ${bytes.length} bytes is too large`)
    this.#hub.publish(this, topic, bytes)
  }

  subscribe(topic: string, listener: (bytes: Uint8Array, from: PeerId) => void): Disposable {
    const emitter = this.#topics.get(topic) ?? new Emitter()
    this.#topics.set(topic, emitter)
    return emitter.on(({ bytes, from }) => listener(bytes, from))
  }

  hasTopic(topic: string): boolean {
    return this.#topics.has(topic)
  }

  deliver(topic: string, bytes: Uint8Array, from: PeerId): boolean {
    const emitter = this.#closing.signal.aborted ? undefined : this.#topics.get(topic)
    emitter?.emit({ bytes, from })
    return emitter !== undefined
  }

  async *request(
    to: PeerId,
    protocol: string,
    input: AsyncIterable<Uint8Array>,
    options: Options,
  ): AsyncIterable<Uint8Array> {
    options.signal.throwIfAborted()
    this.#checkOpen()
    const other = this.#hub.peers.get(to)
    if (other === undefined || !this.#hub.isConnected(this.self, to)) throw unreachable(to, 'no connection')
    await this.#hub.findDead(this.self, to, options.signal)
    const [own, theirs] = pipePair({
      later: task => this.#hub.later(task),
      isCut: () => this.#hub.chance(this.#hub.faults.resetShare),
      toFailure: why => unreachable(to, why),
      messageBytesMax: MESSAGE_BYTES_MAX,
    })
    this.#streams.set(own, to)
    try {
      if (!other.accept(theirs, protocol, this.self)) throw unreachable(to, `it does not speak ${protocol}`)
      yield* ask(own, input, { signal: options.signal, onLateError: () => undefined })
    } finally {
      this.#streams.delete(own)
    }
  }

  serve(protocol: string, handler: StreamHandler): Disposable {
    assert.ok(!this.#handlers.has(protocol), `${protocol} is served already`)
    this.#handlers.set(protocol, handler)
    return { [Symbol.dispose]: () => void this.#handlers.delete(protocol) }
  }

  /** An incoming request; false when its protocol is not served. */
  accept(stream: FakeStream, protocol: string, from: PeerId): boolean {
    const handler = this.#handlers.get(protocol)
    if (handler === undefined || this.#closing.signal.aborted) return false
    this.#streams.set(stream, from)
    const answering = answer(stream, handler, from, { signal: this.#closing.signal })
      // The stream is reset: the other side has learnt of it, as it would from a real peer.
      .catch(() => undefined)
      .finally(() => {
        this.#streams.delete(stream)
        this.#answering.delete(answering)
      })
    this.#answering.add(answering)
    return true
  }

  /** Breaks what runs over a link that has gone dead. */
  break(other: PeerId): void {
    for (const [stream, peer] of this.#streams) {
      if (peer === other) stream.reset(unreachable(peer, 'the link is dead'))
    }
  }

  /** Told by the hub with whom there is a connection now. */
  see(connected: readonly PeerId[]): void {
    const before = this.#connected
    this.#connected = [...connected].sort()
    for (const [stream, peer] of this.#streams) {
      if (!connected.includes(peer)) stream.reset(unreachable(peer, 'the connection closed'))
    }
    for (const peer of before) {
      if (!connected.includes(peer)) this.#peerEvents.emit({ peer, isConnected: false })
    }
    for (const peer of this.#connected) {
      if (!before.includes(peer)) this.#peerEvents.emit({ peer, isConnected: true })
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const reason = new DOMException('the network is closed', 'AbortError')
    this.#closing.abort(reason)
    for (const stream of this.#streams.keys()) stream.reset(reason)
    this.#connected = []
    this.#hub.leave(this)
    await Promise.all(this.#answering)
  }

  #checkOpen(): void {
    if (this.#closing.signal.aborted) throw new ClusterError('NOT_READY', 'the network is closed')
  }
}

function pairOf(a: PeerId, b: PeerId): string {
  return a < b ? `${a} ${b}` : `${b} ${a}`
}

function unreachable(peer: PeerId, why: string): ClusterError {
  return new ClusterError('PEER_UNREACHABLE', `peer ${peer} cannot be reached: ${why}`, { details: { peer } })
}
