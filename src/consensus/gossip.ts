import { ClusterError } from '../errors.ts'
import type { Logger, Network } from '../interfaces.ts'
import type { Clock } from '../lib/clock.ts'
import type { Instruments } from '../lib/instruments.ts'
import type { Identity } from '../model/identity.ts'
import type { PeerId } from '../model/peer.ts'
import { ENVELOPE_BYTES_MAX, encodeEnvelope, openEnvelope } from './envelope.ts'
import type { METRICS } from './metrics.ts'
import type { PartitionChange } from './part.ts'
import type { Replica } from './replica.ts'

/** What gossip needs. */
export interface GossipComponents {
  readonly identity: Identity
  readonly network: Pick<Network, 'publish' | 'subscribe'>
  readonly replica: Replica
  readonly isTrusted: (peer: PeerId) => boolean
  readonly clock: Clock
  readonly logger: Logger
  readonly metrics: Instruments<typeof METRICS>
}

/** After a pause a change waits this long for company, so that one signature and one message carry many … */
const GATHER_MS = 5
/** … and under load messages follow each other at this distance: each costs every peer a signature to verify. */
const DISTANCE_MS = 50
const ENVELOPE_GOAL_BYTES = 256 * 1024
const WAITING_BYTES_MAX = 32 * 1024 * 1024
/** A change that does not fit leaves room for the envelope around it. */
const CHANGE_BYTES_MAX = ENVELOPE_BYTES_MAX - 1024

/**
 * Tells the others what this peer has written, and takes what they tell. A hint only: what is lost, or is too large to
 * be sent this way, is found by comparing digests.
 */
export class Gossip implements Disposable {
  readonly #components: GossipComponents
  readonly #topic: string
  readonly #subscriptions = new DisposableStack()
  #waiting: PartitionChange[] = []
  #waitingBytes = 0
  #sentAtMs = Number.NEGATIVE_INFINITY
  #timer: Disposable | undefined

  constructor(components: GossipComponents, topic: string) {
    this.#components = components
    this.#topic = topic
    this.#subscriptions.use(components.replica.onWritten(changes => this.#gather(changes)))
    this.#subscriptions.use(components.network.subscribe(topic, (bytes, from) => this.#take(bytes, from)))
  }

  #gather(changes: readonly PartitionChange[]): void {
    for (const change of changes) {
      const size = sizeOf(change)
      if (size > CHANGE_BYTES_MAX || this.#waitingBytes + size > WAITING_BYTES_MAX) continue
      this.#waiting.push(change)
      this.#waitingBytes += size
    }
    if (this.#waitingBytes >= ENVELOPE_GOAL_BYTES) this.#send()
    else this.#timer ??= this.#components.clock.schedule(this.#waitMs(), () => this.#send())
  }

  #waitMs(): number {
    return Math.max(GATHER_MS, this.#sentAtMs + DISTANCE_MS - this.#components.clock.monotonic())
  }

  #send(): void {
    this.#sentAtMs = this.#components.clock.monotonic()
    this.#timer?.[Symbol.dispose]()
    this.#timer = undefined
    const changes = this.#waiting
    this.#waiting = []
    this.#waitingBytes = 0
    let envelope: PartitionChange[] = []
    let bytes = 0
    for (const change of changes) {
      if (bytes > 0 && bytes + sizeOf(change) > ENVELOPE_GOAL_BYTES) {
        this.#publish(envelope)
        envelope = []
        bytes = 0
      }
      envelope.push(change)
      bytes += sizeOf(change)
    }
    if (envelope.length > 0) this.#publish(envelope)
  }

  #publish(changes: readonly PartitionChange[]): void {
    const { identity, network, replica, logger } = this.#components
    const envelope = encodeEnvelope(identity, replica.incarnation, changes)
    network
      .publish(this.#topic, envelope)
      .catch((error: unknown) => logger.debug('a message was not sent', { error }))
  }

  #take(bytes: Uint8Array, from: PeerId): void {
    const { identity, replica, isTrusted, logger, metrics } = this.#components
    try {
      if (from === identity.id) return
      const { writer, changes } = openEnvelope(bytes, from, isTrusted)
      replica.receive(writer, changes, bytes.length)
    } catch (thrown) {
      if (!(thrown instanceof ClusterError)) throw thrown
      metrics.gossipRefused.add(1)
      logger.debug('a message about the pinset was refused', { error: thrown })
    }
  }

  [Symbol.dispose](): void {
    if (this.#waiting.length > 0) this.#send()
    this.#timer?.[Symbol.dispose]()
    this.#subscriptions.dispose()
  }
}

function sizeOf(change: PartitionChange): number {
  let bytes = change.update.length + 32
  for (const cid of change.deletedCids) bytes += cid.length + 2
  return bytes
}
