import type { ByteStore } from '../../interfaces.ts'
import { toHex } from '../../lib/bytes.ts'
import type { BlockFiles } from './block-files.ts'
import type { BlockKey } from './block-key.ts'
import { edgeStoreKey } from './store-keys.ts'

const CLAIMS_A_BATCH = 1024
const SYNCS_A_BATCH = 256
const RECENT_MAX = 65_536

/**
 * The blocks that a pin under way needs: protected from collection from the moment they are claimed, first by a hold and
 * then by an entry in the store, and brought to the disk as they arrive. Memory does not grow with the DAG.
 */
export class PinClaim implements AsyncDisposable {
  readonly id: Uint8Array
  readonly idText: string
  readonly #store: ByteStore
  readonly #files: BlockFiles
  readonly #recent = new Set<BlockKey>()
  #held: BlockKey[] = []
  #unsynced: BlockKey[] = []
  #writing: Promise<void> = Promise.resolve()
  #isForgetful = false
  /** How many blocks were claimed. */
  blocks = 0

  constructor(store: ByteStore, files: BlockFiles, id: Uint8Array) {
    this.#store = store
    this.#files = files
    this.id = id
    this.idText = toHex(id)
  }

  /** Claims a block. Answers false when this pin has it already. */
  async claim(key: BlockKey): Promise<boolean> {
    if (this.#recent.has(key)) return false
    if (this.#isForgetful && (await this.#store.get(edgeStoreKey(key, this.id))) !== undefined) return false
    if (this.#recent.size >= RECENT_MAX) {
      this.#recent.clear()
      this.#isForgetful = true
    }
    this.#recent.add(key)
    this.#held.push(key)
    this.blocks++
    await this.#files.guard.hold(key)
    if (this.#held.length >= CLAIMS_A_BATCH) await this.#record()
    return true
  }

  /** The block is in its file. */
  async stored(key: BlockKey): Promise<void> {
    this.#unsynced.push(key)
    if (this.#unsynced.length >= SYNCS_A_BATCH) await this.#sync()
  }

  /**
   * Makes all that was claimed durable. A claim of one block writes no entry: the pin's own record protects its root.
   * Answers with the id to record, if there are entries under it.
   */
  async complete(): Promise<Uint8Array | undefined> {
    await this.#sync()
    if (this.blocks <= 1) return undefined
    await this.#record()
    return this.id
  }

  /** Ends the holds. Entries without a pin are left for collection. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writing.catch(() => undefined)
    this.#release(this.#held.splice(0))
  }

  async #sync(): Promise<void> {
    await this.#files.sync(this.#unsynced.splice(0))
  }

  /** Writes entries for what is held. Synced, as the record that comes later must not outlive them in a power cut. */
  async #record(): Promise<void> {
    const keys = this.#held.splice(0)
    const writes = keys.map(key => ({ key: edgeStoreKey(key, this.id), value: new Uint8Array() }))
    const write = this.#store.batch(writes, { isSynced: true }).finally(() => this.#release(keys))
    this.#writing = Promise.all([this.#writing, write]).then(() => undefined)
    await this.#writing
  }

  #release(keys: readonly BlockKey[]): void {
    for (const key of keys) this.#files.guard.release(key)
  }
}
