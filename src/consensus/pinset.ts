import type { Meter } from '@opentelemetry/api'
import type { ByteStore, Consensus, Logger, Network, Options, PinRange } from '../interfaces.ts'
import type { Clock } from '../lib/clock.ts'
import { makeInstruments } from '../lib/instruments.ts'
import type { Random } from '../lib/random.ts'
import type { Cid } from '../model/cid.ts'
import type { Identity } from '../model/identity.ts'
import { type PeerId, peerIdBytes } from '../model/peer.ts'
import { checkBounds, type Pin } from '../model/pin.ts'
import { AntiEntropy } from './anti-entropy.ts'
import type { ConsensusConfig } from './config.ts'
import { Gossip } from './gossip.ts'
import { METRICS } from './metrics.ts'
import { Replica } from './replica.ts'

/** What the pinset needs. */
export interface PinsetComponents {
  readonly identity: Identity
  readonly network: Network
  readonly store: ByteStore
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly meter: Meter
}

/**
 * Opens the replicated pinset: one Yjs document per partition on a byte store, gossip as a hint, comparison of digests
 * as the repair. `docs/internals/consensus.md` says what it guarantees and how.
 */
export async function openPinset(components: PinsetComponents, config: ConsensusConfig): Promise<Consensus> {
  const { identity, store, clock, random, logger, meter } = components
  const metrics = makeInstruments(meter, METRICS)
  const replica = await Replica.open({ self: identity.id, store, clock, random, logger, metrics }, config)
  return new YjsPinset({ ...components, replica, metrics }, config)
}

class YjsPinset implements Consensus {
  readonly #self: PeerId
  readonly #trusted: ReadonlySet<PeerId> | undefined
  readonly #replica: Replica
  readonly #antiEntropy: AntiEntropy
  readonly #parts = new AsyncDisposableStack()

  constructor(
    components: PinsetComponents & {
      readonly replica: Replica
      readonly metrics: ConstructorParameters<typeof Gossip>[0]['metrics']
    },
    config: ConsensusConfig,
  ) {
    this.#self = components.identity.id
    this.#trusted = config.trustedPeers
    this.#replica = this.#parts.use(components.replica)
    const isTrusted = (peer: PeerId) => this.isTrusted(peer)
    this.#antiEntropy = this.#parts.use(new AntiEntropy({ ...components, isTrusted }, config))
    this.#parts.use(new Gossip({ ...components, isTrusted }, `pinfold/pinset/1/${config.clusterName}`))
  }

  async put(pins: readonly Pin[], options: Options): Promise<void> {
    for (const pin of pins) {
      checkBounds(pin)
      for (const peer of pin.allocations) peerIdBytes(peer)
    }
    await this.#replica.write(pins, [], options.signal)
  }

  async remove(cids: readonly Cid[], options: Options): Promise<void> {
    await this.#replica.write([], cids, options.signal)
  }

  async get(cid: Cid): Promise<Pin | undefined> {
    return this.#replica.get(cid)
  }

  async getMany(cids: readonly Cid[]): Promise<readonly (Pin | undefined)[]> {
    return this.#replica.getMany(cids)
  }

  async *pins(range: PinRange, options: Options): AsyncIterable<Pin> {
    for await (const pin of this.#replica.pins(range)) {
      options.signal.throwIfAborted()
      yield pin
    }
  }

  get pinsCount(): number {
    return this.#replica.pinsCount
  }

  get rootDigest(): string {
    return this.#replica.digests.root
  }

  noticeDigest(peer: PeerId, rootDigest: string): void {
    this.#antiEntropy.notice(peer, rootDigest)
  }

  isTrusted(peer: PeerId): boolean {
    return this.#trusted === undefined || peer === this.#self || this.#trusted.has(peer)
  }

  onChange(listener: (cids: readonly Cid[]) => void): Disposable {
    return this.#replica.onChanged(listener)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#parts.disposeAsync()
  }
}
