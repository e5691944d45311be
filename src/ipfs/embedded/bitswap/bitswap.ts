import type { Connection, Libp2p, PeerInfo, Stream } from '@libp2p/interface'
import type { Logger } from '../../../interfaces.ts'
import type { Clock } from '../../../lib/clock.ts'
import type { Cid } from '../../../model/cid.ts'
import { OneAtATime } from '../../one-at-a-time.ts'
import type { BlockFiles } from '../block-files.ts'
import { blockKey } from '../block-key.ts'
import type { Exchange } from '../block-source.ts'
import { FrameCutter } from './frames.ts'
import { decodeMessage } from './message.ts'
import { PeerLink } from './peer-link.ts'
import { Wants } from './wants.ts'

/** What the exchange needs. */
export interface BitswapComponents {
  readonly clock: Clock
  readonly logger: Logger
  readonly libp2p: Libp2p
  readonly files: BlockFiles
  /** Whether the DHT may be asked who has a block. */
  readonly hasRouting: boolean
}

const PROTOCOL = '/ipfs/bitswap/1.2.0'
const STREAMS_MAX = 64
const PROVIDERS_MAX = 5

/** Exchanges blocks by bitswap 1.2 with every connected node that speaks it. */
export async function openBitswap(components: BitswapComponents): Promise<Exchange & AsyncDisposable> {
  const bitswap = new Bitswap(components)
  await bitswap.listen()
  return bitswap
}

class Bitswap implements Exchange, AsyncDisposable {
  readonly #components: BitswapComponents
  readonly #links = new Map<string, PeerLink>()
  readonly #wants: Wants
  readonly #lookUps = new OneAtATime()
  #topology = ''

  constructor(components: BitswapComponents) {
    this.#components = components
    this.#wants = new Wants({
      clock: components.clock,
      onUnanswered: (cid, signal) => {
        if (components.hasRouting) void this.#lookUp(cid, signal)
      },
    })
  }

  async listen(): Promise<void> {
    const { libp2p } = this.#components
    const limits = { maxInboundStreams: STREAMS_MAX, maxOutboundStreams: STREAMS_MAX }
    await libp2p.handle(PROTOCOL, (stream, connection) => this.#onStream(stream, connection), limits)
    this.#topology = await libp2p.register(PROTOCOL, {
      onConnect: peer => void this.#link(peer.toString()),
      onDisconnect: peer => this.#unlink(peer.toString()),
    })
  }

  fetch(cid: Cid, signal: AbortSignal): Promise<Uint8Array> {
    return this.#wants.fetch(cid, signal)
  }

  announce(cid: Cid): void {
    const key = blockKey(cid)
    for (const link of this.#links.values()) link.announce(key)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { libp2p } = this.#components
    libp2p.unregister(this.#topology)
    await libp2p.unhandle(PROTOCOL)
    this.#wants.close()
    await Promise.all(Array.from(this.#links.values(), link => link.close()))
  }

  #link(peer: string): PeerLink {
    const known = this.#links.get(peer)
    if (known !== undefined) return known
    const { clock, logger, libp2p, files } = this.#components
    const link = new PeerLink({
      clock,
      openStream: async signal => {
        const connection = libp2p.getConnections().find(open => open.remotePeer.toString() === peer)
        if (connection === undefined) throw new Error('the peer is not connected')
        return await connection.newStream(PROTOCOL, { signal, maxOutboundStreams: STREAMS_MAX })
      },
      readBlock: key => files.read(key),
      onFailure: error => logger.debug('a bitswap message was not sent', { peer, error }),
    })
    this.#links.set(peer, link)
    this.#wants.join(link)
    return link
  }

  #unlink(peer: string): void {
    const link = this.#links.get(peer)
    if (link === undefined) return
    this.#links.delete(peer)
    this.#wants.leave(link)
    link
      .close()
      .catch((error: unknown) => this.#components.logger.debug('a link did not close', { peer, error }))
  }

  #onStream(stream: Stream, connection: Connection): void {
    const peer = connection.remotePeer.toString()
    const cutter = new FrameCutter()
    stream.addEventListener('message', ({ data }) => {
      try {
        for (const message of cutter.push(data.subarray())) this.#onMessage(message, this.#link(peer))
      } catch (thrown) {
        this.#components.logger.debug('a bitswap message is not understood', { peer, error: thrown })
        stream.abort(thrown instanceof Error ? thrown : new Error(String(thrown)))
      }
    })
    stream.addEventListener('remoteCloseWrite', () => {
      stream
        .close()
        .catch((error: unknown) => this.#components.logger.debug('a stream did not close', { peer, error }))
    })
  }

  #onMessage(bytes: Uint8Array, link: PeerLink): void {
    const message = decodeMessage(bytes)
    for (const block of message.blocks) this.#wants.received(block.cid, block.bytes, link)
    for (const { cid, isHad } of message.presences) this.#wants.said(cid, isHad, link)
    if (message.wants.length > 0 || message.isFullList) link.wantedBy(message)
  }

  /** Connects to nodes that the DHT names; a connection is enough, as every new peer is asked. One look-up at a time. */
  async #lookUp(cid: Cid, signal: AbortSignal): Promise<void> {
    const { libp2p, logger } = this.#components
    try {
      using _turn = await this.#lookUps.enter(signal)
      let found = 0
      for await (const provider of libp2p.contentRouting.findProviders(cid, { signal })) {
        if (found++ >= PROVIDERS_MAX) break
        await this.#reach(provider, signal)
      }
    } catch (error) {
      if (!signal.aborted) logger.debug('no provider was found', { cid: cid.toString(), error })
    }
  }

  /** One that is gone, as providers in a DHT often are, is no reason not to try the others. */
  async #reach({ id, multiaddrs }: PeerInfo, signal: AbortSignal): Promise<void> {
    const { libp2p, logger } = this.#components
    try {
      await libp2p.dial(multiaddrs.length > 0 ? multiaddrs : id, { signal })
    } catch (error) {
      signal.throwIfAborted()
      logger.debug('a provider is not reached', { peer: id.toString(), error })
    }
  }
}
