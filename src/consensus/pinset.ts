import assert from 'node:assert'
import type { Meter } from '@opentelemetry/api'
import { ClusterError } from '../errors.ts'
import type { ByteStore, Consensus, Logger, Network, Options, PinRange } from '../interfaces.ts'
import { toHex } from '../lib/bytes.ts'
import type { Clock } from '../lib/clock.ts'
import { makeInstruments } from '../lib/instruments.ts'
import { mapPages } from '../lib/pages.ts'
import type { Random } from '../lib/random.ts'
import type { Cid } from '../model/cid.ts'
import type { Identity } from '../model/identity.ts'
import { type PeerId, peerIdBytes } from '../model/peer.ts'
import { checkBounds, type Pin } from '../model/pin.ts'
import type { PinsetState } from '../model/pinset-state.ts'
import type { Replacing } from '../model/replacing.ts'
import { AntiEntropy } from './anti-entropy.ts'
import type { ConsensusConfig } from './config.ts'
import { Gossip } from './gossip.ts'
import { xorInto } from './head.ts'
import { METRICS } from './metrics.ts'
import { Replica } from './replica.ts'
import { Retirement } from './retirement.ts'
import { tellTrust } from './tell-trust.ts'
import { Trust } from './trust.ts'

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
  await using opened = new AsyncDisposableStack()
  const replica = opened.use(
    await Replica.open({ self: identity.id, store, clock, random, logger, metrics }, config),
  )
  metrics.readOnly.observe(() => (replica.failure === undefined ? 0 : 1))
  const trust = await Trust.open(store, identity.id, config.trustedPeers)
  opened.use(tellTrust(trust, identity.id, logger))
  const rootDigest = () => rootOf(replica, trust)
  const isTrusted = (peer: PeerId) => trust.isTrusted(peer)
  const retirement = opened.use(
    await Retirement.open({ store, replica, isTrusted, rootDigest, clock, logger }, config.forgetAfterMs),
  )
  const exchange = opened.use(new AsyncDisposableStack())
  const sharing = { replica, trust, partitionsCount: config.partitionsCount }
  const { repairIntervalMs } = config
  const antiEntropy = exchange.use(
    new AntiEntropy({ ...components, sharing, metrics }, { repairIntervalMs, rootDigest }),
  )
  const topic = `pinfold/pinset/2/${config.clusterName}`
  exchange.use(new Gossip({ ...components, replica, isTrusted, metrics }, topic))
  return new YjsPinset({ replica, trust, retirement, antiEntropy, exchange, parts: opened.move() })
}

function rootOf(replica: Replica, trust: Trust): string {
  const { root } = replica.committed.digests
  xorInto(root, trust.digest)
  return toHex(root)
}

class YjsPinset implements Consensus {
  readonly #replica: Replica
  readonly #trust: Trust
  readonly #retirement: Retirement
  readonly #antiEntropy: AntiEntropy
  readonly #exchange: AsyncDisposableStack
  readonly #parts: AsyncDisposableStack
  #isSettled = false

  constructor(parts: {
    readonly replica: Replica
    readonly trust: Trust
    readonly retirement: Retirement
    readonly antiEntropy: AntiEntropy
    /** What brings changes of others. */
    readonly exchange: AsyncDisposableStack
    readonly parts: AsyncDisposableStack
  }) {
    this.#replica = parts.replica
    this.#trust = parts.trust
    this.#retirement = parts.retirement
    this.#antiEntropy = parts.antiEntropy
    this.#exchange = parts.exchange
    this.#parts = parts.parts
  }

  async put(pins: readonly Pin[], { signal, replacing }: Options & Replacing): Promise<void> {
    this.#checkOpen()
    for (const pin of pins) {
      checkBounds(pin)
      for (const peer of pin.allocations) peerIdBytes(peer)
    }
    if (replacing === undefined) return this.#replica.write(pins, [], signal)
    assert.equal(replacing.length, pins.length, 'each entry replaces one')
    await this.#replica.replace(pins, replacing, signal)
  }

  async remove(cids: readonly Cid[], options: Options): Promise<void> {
    this.#checkOpen()
    await this.#replica.write([], cids, options.signal)
  }

  async get(cid: Cid): Promise<Pin | undefined> {
    return this.#replica.get(cid)
  }

  async getMany(cids: readonly Cid[]): Promise<readonly (Pin | undefined)[]> {
    return this.#replica.getMany(cids)
  }

  pins(range: PinRange, { signal }: Options): AsyncIterable<Pin> {
    return mapPages(this.#replica.pins(range), page => {
      signal.throwIfAborted()
      return page
    })
  }

  get pinsCount(): number {
    return this.#replica.pinsCount
  }

  get rootDigest(): string {
    return rootOf(this.#replica, this.#trust)
  }

  noticeDigest(peer: PeerId, rootDigest: string): void {
    this.#antiEntropy.notice(peer, rootDigest)
    this.#retirement.notice(peer, rootDigest)
  }

  isTrusted(peer: PeerId): boolean {
    return this.#trust.isTrusted(peer)
  }

  async setTrusted(peer: PeerId, isTrusted: boolean, { signal }: Options): Promise<void> {
    signal.throwIfAborted()
    const replica = this.#replica
    await replica.alone(() => this.#trust.say(peer, isTrusted, replica))
  }

  get state(): PinsetState {
    const { configured, changed } = this.#trust.list
    return {
      pinsCount: this.pinsCount,
      rootDigest: this.rootDigest,
      behindCount: this.#antiEntropy.behindCount,
      readOnly: this.#replica.failure?.message,
      trust: { configured, changed, isSelfTrusted: this.#trust.isSelfTrusted },
    }
  }

  onChange(listener: (cids: readonly Cid[], hadEntry?: readonly boolean[]) => void): Disposable {
    return this.#replica.onChanged(listener)
  }

  async settle(): Promise<void> {
    this.#isSettled = true
    await this.#exchange.disposeAsync()
    // Behind all that waits.
    await this.#replica.alone(async () => undefined)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#parts.disposeAsync()
  }

  #checkOpen(): void {
    if (this.#isSettled) throw new ClusterError('NOT_READY', 'this peer is stopping')
  }
}
