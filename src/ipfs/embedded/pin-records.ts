import { ClusterError } from '../../errors.ts'
import type { ByteStore, StoreWrite } from '../../interfaces.ts'
import { toHex } from '../../lib/bytes.ts'
import type { Cid } from '../../model/cid.ts'
import type { PinMode } from '../../model/pin.ts'
import { allPins, decodePin, encodePin, type PinRecord, pinIdStoreKey, pinStoreKey } from './store-keys.ts'

interface Change {
  readonly cid: Cid
  readonly record: PinRecord | undefined
  readonly done: PromiseWithResolvers<boolean>
}

const CHANGES_A_BATCH = 1024

/**
 * What is pinned. Changes that come while one is being written go together in the next synced batch, so that ten pins at
 * a time cost one flush of the disk.
 */
export class PinRecords {
  readonly #store: ByteStore
  readonly #waiting: Change[] = []
  #writing: Promise<void> | undefined

  constructor(store: ByteStore) {
    this.#store = store
  }

  async modeOf(cid: Cid): Promise<PinMode | undefined> {
    const value = await this.#store.get(pinStoreKey(cid))
    return value === undefined ? undefined : decodePin(value).mode
  }

  async *all(): AsyncGenerator<PinRecord> {
    for await (const [, value] of this.#store.entries(allPins())) yield decodePin(value)
  }

  /** Records a pin, in place of another of the same CID; durable when it resolves. Answers whether there was none. */
  put(record: PinRecord): Promise<boolean> {
    return this.#change(record.cid, record)
  }

  /** Lets go of a pin; durable when it resolves. Answers whether there was one. */
  remove(cid: Cid): Promise<boolean> {
    return this.#change(cid, undefined)
  }

  /** Resolves when nothing is being written. */
  async idle(): Promise<void> {
    await this.#writing
  }

  #change(cid: Cid, record: PinRecord | undefined): Promise<boolean> {
    const done = Promise.withResolvers<boolean>()
    this.#waiting.push({ cid, record, done })
    this.#writing ??= this.#writeAll()
    return done.promise
  }

  async #writeAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      const changes = this.#waiting.splice(0, CHANGES_A_BATCH)
      try {
        await this.#write(changes)
      } catch (thrown) {
        for (const change of changes) change.done.reject(thrown)
      }
    }
    this.#writing = undefined
  }

  async #write(changes: readonly Change[]): Promise<void> {
    const keys = changes.map(change => pinStoreKey(change.cid))
    const values = await this.#store.getMany(keys)
    const current = new Map(keys.map((key, at) => [toHex(key), values[at]]))
    const writes: StoreWrite[] = []
    const outcomes: boolean[] = []
    for (const [at, { record }] of changes.entries()) {
      const key = keys[at]
      if (key === undefined) throw new ClusterError('INTERNAL', 'a change without a key')
      const before = current.get(toHex(key))
      outcomes.push(record === undefined ? before !== undefined : before === undefined)
      if (record === undefined && before === undefined) continue
      const oldId = before === undefined ? undefined : decodePin(before).id
      const value = record === undefined ? undefined : encodePin(record)
      if (oldId !== undefined) writes.push({ key: pinIdStoreKey(oldId), value: undefined })
      if (record?.id !== undefined) writes.push({ key: pinIdStoreKey(record.id), value: new Uint8Array() })
      writes.push({ key, value })
      current.set(toHex(key), value)
    }
    if (writes.length > 0) await this.#store.batch(writes, { isSynced: true })
    for (const [at, change] of changes.entries()) change.done.resolve(outcomes[at] === true)
  }
}
