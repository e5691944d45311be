import type { Meter } from '@opentelemetry/api'
import { ClusterError } from '../../errors.ts'
import type { Block, Ipfs, IpfsPinOptions, Logger, Options } from '../../interfaces.ts'
import { concatBytes } from '../../lib/bytes.ts'
import type { Clock } from '../../lib/clock.ts'
import { formatDuration } from '../../lib/duration.ts'
import { type Instruments, makeInstruments } from '../../lib/instruments.ts'
import { type Cid, formatCid, parseCid } from '../../model/cid.ts'
import { type IpfsId, type PeerId, parsePeerId } from '../../model/peer.ts'
import type { PinMode } from '../../model/pin.ts'
import type { KuboConfig } from '../config.ts'
import { IPFS_METRICS } from '../metrics.ts'
import { OneAtATime } from '../one-at-a-time.ts'
import { member, readBytes, readLines } from './answer.ts'
import { BlockUpload, uploadQuery } from './block-upload.ts'
import { isOfMode, PinCalls } from './pin-calls.ts'
import { KuboRpc } from './rpc.ts'
import { refused } from './rpc-call.ts'

/** What the connector to a Kubo needs. */
export interface KuboComponents {
  readonly clock: Clock
  readonly logger: Logger
  readonly meter: Meter
}

const BLOCK_BYTES_MAX = 67_108_864
const ORIGINS_MAX = 10
const MODES = ['recursive', 'direct'] as const

/**
 * The IPFS node is a Kubo, reached over its RPC. Opens also while Kubo is down: each call then fails with
 * `IPFS_UNAVAILABLE` until it is back.
 */
export async function openKubo(components: KuboComponents, config: KuboConfig): Promise<Ipfs> {
  return new Kubo(components, config)
}

class Kubo implements Ipfs {
  readonly #config: KuboConfig
  readonly #log: Logger
  readonly #rpc: KuboRpc
  readonly #pins: PinCalls
  readonly #metrics: Instruments<typeof IPFS_METRICS>
  readonly #listings = new OneAtATime()
  readonly #closing = new AbortController()
  readonly #background = new Set<Promise<void>>()
  #pinsCount = 0

  constructor({ clock, logger, meter }: KuboComponents, config: KuboConfig) {
    this.#config = config
    this.#log = logger
    this.#rpc = new KuboRpc(clock, config.nodeAddress)
    this.#pins = new PinCalls(clock, this.#rpc.short, config)
    this.#metrics = makeInstruments(meter, IPFS_METRICS)
    this.#metrics.ipfsPins.observe(() => this.#pinsCount)
  }

  async id({ signal }: Options): Promise<IpfsId> {
    const answer = await this.#ask('id', 'id', signal)
    const addresses = member(answer, 'Addresses')
    return {
      id: parsePeerId(String(member(answer, 'ID'))),
      addresses: Array.isArray(addresses) ? addresses.filter(address => typeof address === 'string') : [],
      error: '',
    }
  }

  async version({ signal }: Options): Promise<string> {
    return String(member(await this.#ask('version', 'version', signal), 'Version'))
  }

  async pin(cid: Cid, mode: PinMode, options: IpfsPinOptions): Promise<void> {
    // Kubo takes a recursive pin that it has already as done, and asking first would double the requests.
    if (mode === 'direct' && (await this.#pins.pinned(cid, mode, options.signal)) !== undefined) return
    if (options.origins !== undefined) this.#connectOrigins(options.origins)
    const { update } = options
    const isUpdate =
      update !== undefined &&
      mode === 'recursive' &&
      (await this.#pins.pinned(update, 'recursive', options.signal)) !== undefined
    this.#metrics.pinAdd.add(1)
    try {
      if (isUpdate) await this.#pinUpdate(update, cid, options.signal)
      else await this.#pinAdd(cid, mode, options)
      this.#pinsCount++
    } catch (thrown) {
      if (!options.signal.aborted) this.#metrics.pinAddErrors.add(1)
      throw thrown
    }
  }

  async unpin(cid: Cid, { signal }: Options): Promise<void> {
    if (this.#config.isUnpinDisabled) {
      throw new ClusterError('IPFS_REFUSED', 'ipfs unpinning is disallowed by configuration on this peer')
    }
    if (await this.#pins.unpin(cid, signal)) this.#pinsCount = Math.max(0, this.#pinsCount - 1)
  }

  async pinned(cid: Cid, { signal }: Options): Promise<PinMode | undefined> {
    return (
      (await this.#pins.pinned(cid, 'recursive', signal)) ?? (await this.#pins.pinned(cid, 'direct', signal))
    )
  }

  async *allPinned({ signal }: Options): AsyncGenerator<readonly [Cid, PinMode]> {
    using _turn = await this.#listings.enter(signal)
    let count = 0
    for (const mode of MODES) {
      const what = `pin/ls of all ${mode} pins`
      using exchange = await this.#rpc.open({
        path: `pin/ls?stream=true&type=${mode}`,
        what,
        signal,
        limitMs: this.#config.requestTimeoutMs,
      })
      for await (const lines of readLines(exchange, what)) {
        for (const line of lines) {
          // The proxy of a cluster lists all pins whatever type is asked for.
          if (!isOfMode(line, mode)) continue
          count++
          yield [parseCid(String(member(line, 'Cid'))), mode]
        }
      }
    }
    this.#pinsCount = count
  }

  async putBlocks(blocks: AsyncIterable<Block>, { signal }: Options): Promise<void> {
    let upload: BlockUpload | undefined
    try {
      for await (const block of blocks) {
        if (block.cid.multihash.code === 0) continue
        const query = uploadQuery(block.cid)
        if (upload?.query !== query) {
          await this.#finish(upload)
          this.#metrics.blocksPut.add(1)
          upload = await BlockUpload.open(this.#rpc, query, this.#config.requestTimeoutMs, signal)
        }
        await upload.write(block)
      }
      await this.#finish(upload)
    } catch (thrown) {
      if (upload !== undefined && !signal.aborted) this.#metrics.blocksPutErrors.add(1)
      throw thrown
    } finally {
      upload?.[Symbol.dispose]()
    }
  }

  async getBlock(cid: Cid, { signal }: Options): Promise<Uint8Array> {
    const parts: Uint8Array[] = []
    let sizeBytes = 0
    for await (const part of this.#bytes(
      `block/get?arg=${cid.toString()}`,
      `block/get of ${cid.toString()}`,
      signal,
    )) {
      sizeBytes += part.length
      if (sizeBytes > BLOCK_BYTES_MAX)
        throw refused(`block/get of ${cid.toString()}`, `it is larger than ${BLOCK_BYTES_MAX} bytes`)
      parts.push(part)
    }
    return concatBytes(parts)
  }

  cat(cid: Cid, { signal }: Options): AsyncGenerator<Uint8Array> {
    return this.#bytes(`cat?arg=${cid.toString()}`, `cat of ${cid.toString()}`, signal)
  }

  async repoStat({
    signal,
  }: Options): Promise<{ readonly sizeBytes: number; readonly storageMaxBytes: number }> {
    const answer = await this.#ask('repo/stat?size-only=true', 'repo/stat', signal)
    return {
      sizeBytes: toCount(member(answer, 'RepoSize')),
      storageMaxBytes: toCount(member(answer, 'StorageMax')),
    }
  }

  async *gc({ signal }: Options): AsyncGenerator<{ readonly cid?: Cid; readonly error?: string }> {
    const limitMs = this.#config.repoGcTimeoutMs
    using exchange = await this.#rpc.open({
      path: 'repo/gc?stream-errors=true',
      what: 'repo/gc',
      signal,
      limitMs,
    })
    for await (const lines of readLines(exchange, 'repo/gc')) {
      for (const line of lines) {
        const key = member(member(line, 'Key'), '/')
        const error = member(line, 'Error')
        if (typeof key === 'string') yield { cid: parseCid(key) }
        if (typeof error === 'string' && error !== '') yield { error }
      }
    }
  }

  async resolve(path: string, { signal }: Options): Promise<Cid> {
    const bare = /^(?:\/ipfs\/)?([^/]+)\/?$/.exec(path)?.[1]
    if (bare !== undefined) return parseCid(bare)
    const what = `resolve of ${path}`
    const answer = await this.#ask(`resolve?arg=${encodeURIComponent(path)}`, what, signal)
    const [, space, cid, ...rest] = String(member(answer, 'Path')).split('/')
    if (space !== 'ipfs' || cid === undefined) throw refused(what, 'it does not lead to a CID')
    if (rest.length > 0) throw refused(what, `it names a part of the block ${cid}, not a block of its own`)
    return parseCid(cid)
  }

  async swarmPeers({ signal }: Options): Promise<readonly PeerId[]> {
    const peers = member(await this.#ask('swarm/peers', 'swarm/peers', signal), 'Peers')
    return Array.isArray(peers) ? peers.map(peer => parsePeerId(String(member(peer, 'Peer')))) : []
  }

  async swarmConnect(address: string, { signal }: Options): Promise<void> {
    await this.#ask(`swarm/connect?arg=${encodeURIComponent(address)}`, `swarm/connect to ${address}`, signal)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort(new DOMException('stopped', 'AbortError'))
    await Promise.all(this.#background)
    this.#rpc[Symbol.dispose]()
  }

  #ask(path: string, what: string, signal: AbortSignal, limitMs?: number): Promise<unknown> {
    return this.#rpc.short.ask({ path, what, signal, limitMs: limitMs ?? this.#config.requestTimeoutMs })
  }

  async *#bytes(path: string, what: string, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    using exchange = await this.#rpc.open({ path, what, signal, limitMs: this.#config.requestTimeoutMs })
    yield* readBytes(exchange, what)
  }

  async #pinUpdate(from: Cid, to: Cid, signal: AbortSignal): Promise<void> {
    // Kubo says nothing while it updates, so only the request itself is limited.
    const path = `pin/update?arg=${from.toString()}&arg=${to.toString()}&unpin=false`
    await this.#ask(
      path,
      `pin/update from ${from.toString()} to ${to.toString()}`,
      signal,
      this.#config.unpinTimeoutMs,
    )
  }

  async #pinAdd(cid: Cid, mode: PinMode, { signal, onProgress }: IpfsPinOptions): Promise<void> {
    const name = formatCid(cid)
    const what = `pin/add of ${name}`
    const limitMs = this.#config.pinTimeoutMs
    let blocks = 0
    let isPinned = false
    const onLine = (line: unknown, touch: () => void) => {
      const progress = member(line, 'Progress')
      if (member(line, 'Pins') !== undefined) isPinned = true
      if (typeof progress !== 'number' || progress <= blocks) return
      blocks = progress
      touch()
      onProgress?.({ blocks })
    }
    // Kubo goes by `recursive`, the proxy of a cluster by `type`.
    const type = mode === 'direct' ? '&type=direct' : ''
    const path = `pin/add?arg=${name}&recursive=${mode === 'recursive'}${type}&progress=true`
    const onLimit = () => stalled(cid, limitMs, blocks)
    await this.#rpc.short.readLines({ path, what, signal, limitMs, onLimit }, onLine)
    if (!isPinned) throw refused(what, 'its answer ended without saying that it is pinned')
  }

  async #finish(upload: BlockUpload | undefined): Promise<void> {
    if (upload === undefined) return
    await upload.finish()
    upload[Symbol.dispose]()
    this.#metrics.blocksAdded.add(upload.blocks)
    this.#metrics.blocksAddedSize.add(upload.sizeBytes)
  }

  /** Best effort: the pin goes on meanwhile, and its own error says when the content is not found. */
  #connectOrigins(origins: readonly string[]): void {
    for (const origin of origins.slice(0, ORIGINS_MAX)) {
      const task = this.swarmConnect(origin, { signal: this.#closing.signal }).catch((thrown: unknown) => {
        this.#log.debug('origin not reached', { origin, error: thrown })
      })
      this.#background.add(task)
      void task.finally(() => this.#background.delete(task))
    }
  }
}

function stalled(cid: Cid, limitMs: number, blocks: number): ClusterError {
  return new ClusterError(
    'TIMEOUT',
    `pin/add of ${cid.toString()} found no further block for ${formatDuration(limitMs)} (${blocks} so far): no node that the IPFS node reaches seems to have it`,
    { details: { cid: cid.toString(), blocks } },
  )
}

function toCount(value: unknown): number {
  return typeof value === 'number' && value >= 0 ? value : 0
}
