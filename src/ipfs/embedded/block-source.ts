import { ClusterError } from '../../errors.ts'
import type { Logger } from '../../interfaces.ts'
import type { Cid } from '../../model/cid.ts'
import { inlineBlock, isIntact } from '../hashing.ts'
import type { BlockFiles } from './block-files.ts'
import { type BlockKey, blockKey } from './block-key.ts'

/** Largest block that is stored: IPFS nodes exchange none that is larger. */
export const BLOCK_BYTES_MAX = 4_194_304

/** Blocks of other nodes. */
export interface Exchange {
  /** Asks until somebody has sent the block or the signal is aborted. The bytes hash to the CID. */
  fetch(cid: Cid, signal: AbortSignal): Promise<Uint8Array>
  /** The block is here now: nodes that asked for it get it. */
  announce(cid: Cid): void
}

/** What a source of blocks is made of. */
export interface BlockSourceComponents {
  readonly logger: Logger
  readonly files: BlockFiles
  readonly exchange: Exchange
}

/** Every block by its name: from the disk or from other nodes. What it hands out has been verified. */
export class BlockSource {
  readonly #log: Logger
  readonly #files: BlockFiles
  readonly #exchange: Exchange

  constructor({ logger, files, exchange }: BlockSourceComponents) {
    this.#log = logger
    this.#files = files
    this.#exchange = exchange
  }

  /** The block's bytes. Fetched ones are stored. Waits until somebody has it or the signal is aborted. */
  async get(cid: Cid, signal: AbortSignal): Promise<Uint8Array> {
    const inline = inlineBlock(cid)
    if (inline !== undefined) return inline
    const key = blockKey(cid)
    const local = await this.#local(cid, key)
    if (local !== undefined) return local
    const fetched = await this.#exchange.fetch(cid, signal)
    await this.#store(cid, fetched)
    return fetched
  }

  /** Verifies and stores a block, and tells the nodes that asked for it. */
  async put(cid: Cid, bytes: Uint8Array): Promise<void> {
    if (bytes.length > BLOCK_BYTES_MAX) {
      throw new ClusterError(
        'TOO_LARGE',
        `block ${cid.toString()} has ${bytes.length} bytes, and no IPFS node exchanges more than ${BLOCK_BYTES_MAX}: chunk the content smaller`,
      )
    }
    if (!isIntact(cid, bytes)) {
      throw new ClusterError(
        'IPFS_REFUSED',
        `the bytes given for block ${cid.toString()} do not hash to that name`,
      )
    }
    if (inlineBlock(cid) === undefined) await this.#store(cid, bytes)
  }

  async #store(cid: Cid, bytes: Uint8Array): Promise<void> {
    await this.#files.write(blockKey(cid), bytes)
    this.#exchange.announce(cid)
  }

  /** The stored block. One that a power cut or a bad disk has damaged is dropped, so that it is fetched anew. */
  async #local(cid: Cid, key: BlockKey): Promise<Uint8Array | undefined> {
    const bytes = await this.#files.read(key)
    if (bytes === undefined || this.#files.isFresh(key) || isIntact(cid, bytes)) return bytes
    this.#log.warn('a stored block was damaged and is fetched again', { cid: cid.toString() })
    await this.#files.discard(key)
    return undefined
  }
}
