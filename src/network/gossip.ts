import type { GossipSub, Message } from '@libp2p/gossipsub'
import { messageOf } from '../errors.ts'
import type { Logger } from '../interfaces.ts'
import { Emitter } from '../lib/emitter.ts'
import type { PeerId } from '../model/peer.ts'

/** The counters that gossip moves. */
export interface GossipCounts {
  readonly onPublished: () => void
  readonly onPublishFailure: () => void
  readonly onReceived: () => void
}

/** Topics and their listeners over gossipsub. */
export class Gossip implements Disposable {
  readonly #service: GossipSub
  readonly #logger: Logger
  readonly #counts: GossipCounts
  readonly #topics = new Map<string, Emitter<{ readonly bytes: Uint8Array; readonly from: PeerId }>>()
  readonly #onMessage = (event: CustomEvent<Message>) => this.#receive(event.detail)

  constructor(service: GossipSub, logger: Logger, counts: GossipCounts) {
    this.#service = service
    this.#logger = logger
    this.#counts = counts
    service.addEventListener('message', this.#onMessage)
  }

  /** Topics that somebody here has subscribed to. */
  topics(): readonly string[] {
    return [...this.#topics.keys()]
  }

  /** Best effort: what cannot be sent is counted, not thrown. */
  async publish(topic: string, bytes: Uint8Array): Promise<void> {
    try {
      await this.#service.publish(topic, bytes)
      this.#counts.onPublished()
    } catch (thrown) {
      this.#counts.onPublishFailure()
      this.#logger.debug('a message could not be published', { topic, error: messageOf(thrown) })
    }
  }

  /** The topic itself stays subscribed when its last listener goes: so that this peer goes on passing messages on. */
  subscribe(topic: string, listener: (bytes: Uint8Array, from: PeerId) => void): Disposable {
    let emitter = this.#topics.get(topic)
    if (emitter === undefined) {
      emitter = new Emitter()
      this.#topics.set(topic, emitter)
      this.#service.subscribe(topic)
    }
    return emitter.on(({ bytes, from }) => listener(bytes, from))
  }

  /** Peers with which gossip goes on. */
  peers(): ReadonlySet<PeerId> {
    return new Set(this.#service.getPeers().map(String))
  }

  /** Peers that are known to listen to a topic. */
  subscribers(topic: string): readonly PeerId[] {
    return this.#service.getSubscribers(topic).map(String)
  }

  [Symbol.dispose](): void {
    this.#service.removeEventListener('message', this.#onMessage)
  }

  #receive(message: Message): void {
    if (message.type !== 'signed') return
    const emitter = this.#topics.get(message.topic)
    if (emitter === undefined) return
    this.#counts.onReceived()
    emitter.emit({ bytes: message.data, from: message.from.toString() })
  }
}
