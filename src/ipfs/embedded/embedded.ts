import type { Meter } from '@opentelemetry/api'
import { ClusterError } from '../../errors.ts'
import type { Block, ByteStore, Ipfs, IpfsPinOptions, Logger, Options } from '../../interfaces.ts'
import type { Clock } from '../../lib/clock.ts'
import { formatDuration } from '../../lib/duration.ts'
import { type Instruments, makeInstruments } from '../../lib/instruments.ts'
import type { Random } from '../../lib/random.ts'
import { unlessAborted } from '../../lib/unless-aborted.ts'
import type { Cid } from '../../model/cid.ts'
import type { Identity } from '../../model/identity.ts'
import type { IpfsId, PeerId } from '../../model/peer.ts'
import type { PinMode } from '../../model/pin.ts'
import type { EmbeddedConfig } from '../config.ts'
import { IPFS_METRICS } from '../metrics.ts'
import { isNoSpace } from '../no-space.ts'
import { openStallTimer } from '../stall-timer.ts'
import { openBitswap } from './bitswap/bitswap.ts'
import { BlockFiles } from './block-files.ts'
import { BlockSource } from './block-source.ts'
import { Collector } from './collector.ts'
import { catFile, resolvePath } from './content.ts'
import { forgetLost } from './forget-lost.ts'
import { type Host, openHost } from './host.ts'
import { loadNodeKey } from './node-key.ts'
import { PinRecords } from './pin-records.ts'
import { Pinner } from './pinner.ts'
import { putAll } from './put-all.ts'

/** What the embedded node needs. */
export interface EmbeddedComponents {
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly meter: Meter
  /** For the node's own records, shared with nobody. The node does not close it, nor open it again after a failed write. */
  readonly store: ByteStore
  /** The node's key; without it the one in its folder, made at the first start. */
  readonly identity?: Identity
}

const VERSION = 'pinfold-embedded/1'
const ORIGINS_MAX = 10

interface Parts {
  readonly files: BlockFiles
  readonly host: Host
  readonly source: BlockSource
  readonly records: PinRecords
  readonly pinner: Pinner
  readonly collector: Collector
}

/**
 * The IPFS node is in this process: blocks as files in its folder, exchanged with other IPFS nodes by bitswap. A pin that
 * was recorded survives a power cut with all its blocks.
 */
export async function openEmbedded(components: EmbeddedComponents, config: EmbeddedConfig): Promise<Ipfs> {
  const { clock, random, logger, store } = components
  await using parts = new AsyncDisposableStack()
  await forgetLost({ store, logger }, config.folder)
  const files = parts.use(await BlockFiles.open(clock, config))
  const identity = components.identity ?? (await loadNodeKey(config.folder))
  const host = parts.use(await openHost({ clock, logger, identity }, config))
  const exchange = parts.use(
    await openBitswap({ clock, logger, libp2p: host.libp2p, files, hasRouting: host.hasRouting }),
  )
  const source = new BlockSource({ logger, files, exchange })
  const records = new PinRecords(store)
  parts.defer(() => records.idle())
  const pinner = new Pinner({ clock, random, store, files, source, records }, config)
  const isUnderWay = (id: string) => pinner.isUnderWay(id)
  const collector = new Collector({ clock, store, files, isUnderWay }, config.gcGraceMs)
  return new Embedded(components, config, { files, host, source, records, pinner, collector }, parts.move())
}

class Embedded implements Ipfs {
  readonly #clock: Clock
  readonly #log: Logger
  readonly #config: EmbeddedConfig
  readonly #parts: Parts
  readonly #open: AsyncDisposableStack
  readonly #metrics: Instruments<typeof IPFS_METRICS>
  readonly #closing = new AbortController()
  readonly #background = new Set<Promise<unknown>>()
  #pinsCount = 0

  constructor(
    components: EmbeddedComponents,
    config: EmbeddedConfig,
    parts: Parts,
    open: AsyncDisposableStack,
  ) {
    this.#clock = components.clock
    this.#log = components.logger
    this.#config = config
    this.#parts = parts
    this.#open = open
    this.#metrics = makeInstruments(components.meter, IPFS_METRICS)
    this.#metrics.ipfsPins.observe(() => this.#pinsCount)
  }

  async id(): Promise<IpfsId> {
    const { libp2p } = this.#parts.host
    const addresses = libp2p.getMultiaddrs().map(address => address.toString())
    return { id: libp2p.peerId.toString(), addresses, error: '' }
  }

  async version(): Promise<string> {
    return VERSION
  }

  async pin(cid: Cid, mode: PinMode, options: IpfsPinOptions): Promise<void> {
    const { records, pinner } = this.#parts
    using work = this.#work(options.signal)
    const current = await records.modeOf(cid)
    if (current === mode) return
    if (current === 'recursive') {
      throw new ClusterError(
        'IPFS_REFUSED',
        `${cid.toString()} is already pinned recursively: unpin it first`,
      )
    }
    this.#connectOrigins(options.origins ?? [])
    this.#metrics.pinAdd.add(1)
    try {
      const isNew = await this.#tracked(pinner.pin(cid, mode, { ...options, signal: work.signal }))
      if (isNew) this.#pinsCount++
    } catch (thrown) {
      if (!work.signal.aborted) this.#metrics.pinAddErrors.add(1)
      throw withoutRoom(cid, thrown)
    }
  }

  async unpin(cid: Cid, { signal }: Options): Promise<void> {
    signal.throwIfAborted()
    if (this.#config.isUnpinDisabled) {
      throw new ClusterError('IPFS_REFUSED', 'ipfs unpinning is disallowed by configuration on this peer')
    }
    const wasPinned = await this.#parts.records.remove(cid)
    if (wasPinned) this.#pinsCount = Math.max(0, this.#pinsCount - 1)
  }

  async pinned(cid: Cid, { signal }: Options): Promise<PinMode | undefined> {
    signal.throwIfAborted()
    return await this.#parts.records.modeOf(cid)
  }

  async *allPinned({ signal }: Options): AsyncGenerator<readonly [Cid, PinMode]> {
    signal.throwIfAborted()
    let count = 0
    for await (const { cid, mode } of this.#parts.records.all()) {
      signal.throwIfAborted()
      count++
      yield [cid, mode]
    }
    this.#pinsCount = count
  }

  async putBlocks(blocks: AsyncIterable<Block>, { signal }: Options): Promise<void> {
    this.#metrics.blocksPut.add(1)
    try {
      await putAll(blocks, signal, async ({ cid, bytes }) => {
        await this.#parts.source.put(cid, bytes)
        this.#metrics.blocksAdded.add(1)
        this.#metrics.blocksAddedSize.add(bytes.length)
      })
    } catch (thrown) {
      if (!signal.aborted) this.#metrics.blocksPutErrors.add(1)
      throw thrown
    }
  }

  async getBlock(cid: Cid, { signal }: Options): Promise<Uint8Array> {
    using work = this.#work(signal, `block ${cid.toString()}`)
    return await this.#parts.source.get(cid, work.signal)
  }

  async *cat(cid: Cid, { signal }: Options): AsyncGenerator<Uint8Array> {
    using work = this.#work(signal, `cat of ${cid.toString()}`)
    for await (const bytes of catFile(this.#parts.source, cid, work.signal)) {
      work.touch()
      yield bytes
      work.touch()
    }
  }

  async repoStat({
    signal,
  }: Options): Promise<{ readonly sizeBytes: number; readonly storageMaxBytes: number }> {
    const { files } = this.#parts
    await unlessAborted(files.size.counted, signal)
    return { sizeBytes: files.size.bytes, storageMaxBytes: await files.storageMaxBytes() }
  }

  async *gc({ signal }: Options): AsyncGenerator<{ readonly cid?: Cid; readonly error?: string }> {
    using work = this.#work(signal)
    yield* this.#parts.collector.collect(work.signal)
  }

  async resolve(path: string, { signal }: Options): Promise<Cid> {
    using work = this.#work(signal, `resolve of ${path}`)
    return await resolvePath(this.#parts.source, path, work.signal)
  }

  async swarmPeers(): Promise<readonly PeerId[]> {
    return this.#parts.host.libp2p.getPeers().map(peer => peer.toString())
  }

  async swarmConnect(address: string, { signal }: Options): Promise<void> {
    await this.#parts.host.connect(address, signal)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort(new DOMException('stopped', 'AbortError'))
    await Promise.allSettled(this.#background)
    await this.#open.disposeAsync()
  }

  /** A signal for one piece of work: ends with the caller's, at closing, and, with a name, at the request time-out. */
  #work(signal: AbortSignal, what?: string): { readonly signal: AbortSignal; touch(): void } & Disposable {
    const { requestTimeoutMs } = this.#config
    const limit = new AbortController()
    const timer = openStallTimer(this.#clock, what === undefined ? 0 : requestTimeoutMs, () =>
      limit.abort(
        new ClusterError(
          'TIMEOUT',
          `${what} gave nothing for ${formatDuration(requestTimeoutMs)}: no connected IPFS node seems to have it`,
        ),
      ),
    )
    return {
      signal: AbortSignal.any([signal, limit.signal, this.#closing.signal]),
      touch: () => timer.touch(),
      [Symbol.dispose]: () => timer[Symbol.dispose](),
    }
  }

  /** Best effort: the pin goes on meanwhile, and its own error says when the content is not found. */
  #connectOrigins(origins: readonly string[]): void {
    for (const origin of origins.slice(0, ORIGINS_MAX)) {
      const task = this.#parts.host.dial(origin, this.#closing.signal).catch((thrown: unknown) => {
        this.#log.debug('origin not reached', { origin, error: thrown })
      })
      void this.#tracked(task)
    }
  }

  /** Closing waits for it. */
  async #tracked<Value>(task: Promise<Value>): Promise<Value> {
    this.#background.add(task)
    try {
      return await task
    } finally {
      this.#background.delete(task)
    }
  }
}

/** The records of pins lie on the disk of the blocks: where that is full, it does not matter which of the two noticed. */
function withoutRoom(cid: Cid, thrown: unknown): unknown {
  const isKnown = thrown instanceof ClusterError && thrown.code === 'IPFS_FULL'
  if (isKnown || !isNoSpace(thrown)) return thrown
  const message = `pin of ${cid.toString()}: the disk of the embedded IPFS node is full`
  return new ClusterError('IPFS_FULL', message, { cause: thrown })
}
