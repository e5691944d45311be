import { createHash } from 'node:crypto'
import { ClusterError } from '../../src/errors.ts'
import type { Block, Ipfs, IpfsPinOptions, Options } from '../../src/interfaces.ts'
import { catFile, resolvePath } from '../../src/ipfs/embedded/content.ts'
import { linksOf } from '../../src/ipfs/embedded/dag-links.ts'
import { walkDag } from '../../src/ipfs/embedded/dag-walk.ts'
import { inlineBlock, isIntact } from '../../src/ipfs/hashing.ts'
import { openStallTimer } from '../../src/ipfs/stall-timer.ts'
import type { Clock } from '../../src/lib/clock.ts'
import { Emitter } from '../../src/lib/emitter.ts'
import { type Cid, cidFromKey, cidKey } from '../../src/model/cid.ts'
import { identityFromSeed } from '../../src/model/identity.ts'
import type { IpfsId, PeerId } from '../../src/model/peer.ts'
import type { PinMode } from '../../src/model/pin.ts'

/** A call to a fake node, as its faults see it. */
export interface FakeIpfsCall {
  readonly name: keyof Ipfs & string
  readonly cid: Cid | undefined
}

/** What goes wrong with a fake node. Change the members at any time. */
export interface FakeIpfsFaults {
  /** An error that this call fails with, before it does anything. */
  error?: (call: FakeIpfsCall) => Error | undefined
  /** How long the call waits before it begins, milliseconds by the clock. */
  delayMs?: (call: FakeIpfsCall) => number
  /** After how many pins a listing is cut. */
  listingCutAfter?: number | undefined
}

/** How a fake node is made. */
export interface FakeIpfsConfig {
  /** Gives the node its peer id. */
  readonly name: string
  /** No further block for so long: `TIMEOUT`. 0 = wait for ever. */
  readonly pinTimeoutMs: number
  readonly storageMaxBytes: number
  /** Whether content that no node has counts as found, as one block without bytes: for pinsets that are only names. */
  readonly isAllContentFound: boolean
}

/** An IPFS node in memory. */
export interface FakeIpfs extends Ipfs {
  readonly faults: FakeIpfsFaults
  readonly peer: PeerId
  /** How often each member was called. */
  readonly calls: ReadonlyMap<string, number>
  /** What is pinned, by the key of the CID. */
  readonly held: ReadonlyMap<string, PinMode>
  /** Loses all blocks and pins, as when the repository's disk is replaced. */
  wipe(): void
}

/** Nodes that can be connected to each other. */
export class FakeIpfsNetwork {
  readonly nodes = new Map<PeerId, FakeNode>()
  /** A node got a block or a connection. */
  readonly change = new Emitter<void>()
}

const DEFAULTS: FakeIpfsConfig = {
  name: 'fake',
  pinTimeoutMs: 120_000,
  storageMaxBytes: 1_000_000_000_000,
  isAllContentFound: false,
}

/** Opens a fake node. Nodes of one network that are connected fetch blocks from each other. */
export function openFakeIpfs(
  { clock, network = new FakeIpfsNetwork() }: { readonly clock: Clock; readonly network?: FakeIpfsNetwork },
  config: Partial<FakeIpfsConfig> = {},
): FakeIpfs {
  return new FakeNode(clock, network, { ...DEFAULTS, ...config })
}

class FakeNode implements FakeIpfs {
  readonly faults: FakeIpfsFaults = {}
  readonly peer: PeerId
  readonly calls = new Map<string, number>()
  readonly blocks = new Map<string, Uint8Array>()
  readonly held = new Map<string, PinMode>()
  readonly #peers = new Set<PeerId>()
  readonly #clock: Clock
  readonly #network: FakeIpfsNetwork
  readonly #config: FakeIpfsConfig

  constructor(clock: Clock, network: FakeIpfsNetwork, config: FakeIpfsConfig) {
    this.#clock = clock
    this.#network = network
    this.#config = config
    this.peer = identityFromSeed(createHash('sha256').update(config.name).digest()).id
    network.nodes.set(this.peer, this)
  }

  async id({ signal }: Options): Promise<IpfsId> {
    await this.#begin('id', undefined, signal)
    return { id: this.peer, addresses: [`/memory/${this.#config.name}/p2p/${this.peer}`], error: '' }
  }

  async version({ signal }: Options): Promise<string> {
    await this.#begin('version', undefined, signal)
    return 'fake/1'
  }

  async pin(cid: Cid, mode: PinMode, options: IpfsPinOptions): Promise<void> {
    await this.#begin('pin', cid, options.signal)
    const current = this.held.get(cidKey(cid))
    if (current === mode) return
    if (current === 'recursive') throw refusal(`${cid.toString()} is already pinned recursively`)
    for (const origin of options.origins ?? []) this.#connect(origin)
    const stalling = new AbortController()
    using timer = openStallTimer(this.#clock, this.#config.pinTimeoutMs, () => stalling.abort(stalled(cid)))
    const seen = new Set<string>()
    const signal = AbortSignal.any([options.signal, stalling.signal])
    await walkDag(cid, { parallel: 1, signal }, async (at, walking) => {
      const bytes = await this.#fetch(at, walking)
      seen.add(cidKey(at))
      timer.touch()
      options.onProgress?.({ blocks: seen.size })
      if (mode === 'direct' || bytes === undefined) return []
      return linksOf(at, bytes).filter(link => !seen.has(cidKey(link)))
    })
    this.held.set(cidKey(cid), mode)
  }

  async unpin(cid: Cid, { signal }: Options): Promise<void> {
    await this.#begin('unpin', cid, signal)
    this.held.delete(cidKey(cid))
  }

  async pinned(cid: Cid, { signal }: Options): Promise<PinMode | undefined> {
    await this.#begin('pinned', cid, signal)
    return this.held.get(cidKey(cid))
  }

  async *allPinned({ signal }: Options): AsyncGenerator<readonly [Cid, PinMode]> {
    await this.#begin('allPinned', undefined, signal)
    let count = 0
    const pins = [...this.held]
    for (const [key, mode] of pins) {
      signal.throwIfAborted()
      if (count++ === this.faults.listingCutAfter) {
        throw new ClusterError('IPFS_UNAVAILABLE', `${this.#config.name}: the listing was cut`)
      }
      yield [cidFromKey(key), mode]
    }
  }

  async putBlocks(blocks: AsyncIterable<Block>, { signal }: Options): Promise<void> {
    await this.#begin('putBlocks', undefined, signal)
    for await (const { cid, bytes } of blocks) {
      signal.throwIfAborted()
      if (!isIntact(cid, bytes))
        throw refusal(`the bytes given for ${cid.toString()} do not hash to that name`)
      this.#store(cid, bytes)
    }
  }

  async getBlock(cid: Cid, { signal }: Options): Promise<Uint8Array> {
    await this.#begin('getBlock', cid, signal)
    return await this.get(cid, signal)
  }

  async *cat(cid: Cid, { signal }: Options): AsyncGenerator<Uint8Array> {
    await this.#begin('cat', cid, signal)
    yield* catFile(this, cid, signal)
  }

  async repoStat({
    signal,
  }: Options): Promise<{ readonly sizeBytes: number; readonly storageMaxBytes: number }> {
    await this.#begin('repoStat', undefined, signal)
    const sizeBytes = [...this.blocks.values()].reduce((sum, bytes) => sum + bytes.length, 0)
    return { sizeBytes, storageMaxBytes: this.#config.storageMaxBytes }
  }

  async *gc({ signal }: Options): AsyncGenerator<{ readonly cid?: Cid; readonly error?: string }> {
    await this.#begin('gc', undefined, signal)
    const needed = new Set<string>()
    for (const [key, mode] of this.held) this.#mark(cidFromKey(key), mode, needed)
    const keys = [...this.blocks.keys()]
    for (const key of keys) {
      if (needed.has(key)) continue
      this.blocks.delete(key)
      yield { cid: cidOfMultihash(key) }
    }
  }

  async resolve(path: string, { signal }: Options): Promise<Cid> {
    await this.#begin('resolve', undefined, signal)
    return await resolvePath(this, path, signal)
  }

  async swarmPeers({ signal }: Options): Promise<readonly PeerId[]> {
    await this.#begin('swarmPeers', undefined, signal)
    return [...this.#peers]
  }

  async swarmConnect(address: string, { signal }: Options): Promise<void> {
    await this.#begin('swarmConnect', undefined, signal)
    if (!this.#connect(address)) throw refusal(`connect to ${address} failed: no such node`)
  }

  wipe(): void {
    this.blocks.clear()
    this.held.clear()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#network.nodes.delete(this.peer)
    for (const node of this.#network.nodes.values()) node.#peers.delete(this.peer)
  }

  /** A block's bytes, from here or from a connected node; waits until somebody has it. */
  async get(cid: Cid, signal: AbortSignal): Promise<Uint8Array> {
    return (await this.#fetch(cid, signal)) ?? new Uint8Array()
  }

  async #begin(name: FakeIpfsCall['name'], cid: Cid | undefined, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    this.calls.set(name, (this.calls.get(name) ?? 0) + 1)
    const delayMs = this.faults.delayMs?.({ name, cid }) ?? 0
    if (delayMs > 0) await this.#clock.sleep(delayMs, signal)
    const error = this.faults.error?.({ name, cid })
    if (error !== undefined) throw error
  }

  async #fetch(cid: Cid, signal: AbortSignal): Promise<Uint8Array | undefined> {
    for (;;) {
      signal.throwIfAborted()
      const bytes = inlineBlock(cid) ?? this.#find(cid)
      if (bytes !== undefined) return bytes
      if (this.#config.isAllContentFound) return undefined
      await this.#nextChange(signal)
    }
  }

  #find(cid: Cid): Uint8Array | undefined {
    const own = this.blocks.get(blockName(cid))
    if (own !== undefined) return own
    for (const peer of this.#peers) {
      const bytes = this.#network.nodes.get(peer)?.blocks.get(blockName(cid))
      if (bytes === undefined) continue
      this.#store(cid, bytes)
      return bytes
    }
    return undefined
  }

  #store(cid: Cid, bytes: Uint8Array): void {
    this.blocks.set(blockName(cid), bytes)
    this.#network.change.emit()
  }

  #connect(address: string): boolean {
    const peer = address.split('/p2p/')[1] ?? ''
    const node = this.#network.nodes.get(peer)
    if (node === undefined) return false
    this.#peers.add(peer)
    node.#peers.add(this.peer)
    this.#network.change.emit()
    return true
  }

  #nextChange(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const end = () => {
        listening[Symbol.dispose]()
        signal.removeEventListener('abort', onAbort)
      }
      const onAbort = () => {
        end()
        reject(signal.reason)
      }
      const listening = this.#network.change.on(() => {
        end()
        resolve()
      })
      signal.addEventListener('abort', onAbort, { once: true })
    })
  }

  #mark(cid: Cid, mode: PinMode, needed: Set<string>): void {
    const name = blockName(cid)
    if (needed.has(name) && mode === 'direct') return
    const bytes = inlineBlock(cid) ?? this.blocks.get(name)
    needed.add(name)
    if (mode === 'direct' || bytes === undefined) return
    for (const link of linksOf(cid, bytes)) this.#mark(link, mode, needed)
  }
}

function refusal(message: string): ClusterError {
  return new ClusterError('IPFS_REFUSED', message)
}

function stalled(cid: Cid): ClusterError {
  return new ClusterError(
    'TIMEOUT',
    `pin of ${cid.toString()} found no further block: no connected node has it`,
  )
}

function blockName(cid: Cid): string {
  return Buffer.from(cid.multihash.bytes).toString('latin1')
}

function cidOfMultihash(name: string): Cid {
  // Version 1, raw.
  return cidFromKey(`\u0001\u0055${name}`)
}
