import type { ByteStore } from '../interfaces.ts'
import { LatestMap } from '../lib/latest-map.ts'
import { type Cid, cidKey } from '../model/cid.ts'
import type { Pin } from '../model/pin.ts'
import { pinOfEntry, readMany, readPin, type ViewEntry } from './view.ts'

const KEPT_MAX = 8192
const KEPT_BYTES_MAX = 1024

/** What a batch has put in the place of an entry; `pin` is made when it is asked for, and then kept. */
interface Latest {
  readonly entry: ViewEntry | undefined
  pin?: Pin
}

/**
 * The pins as committed, with those that changed last in memory: whoever is told of a change asks for the pin in the next
 * moment, and there are several.
 */
export class LatestPins {
  readonly #store: Pick<ByteStore, 'get' | 'getMany'>
  readonly #latest = new LatestMap<string, Latest>(KEPT_MAX)

  constructor(store: Pick<ByteStore, 'get' | 'getMany'>) {
    this.#store = store
  }

  /** Entries are about to change on disk: until `note` they are what is read there. */
  forget(cids: readonly Cid[]): void {
    for (const cid of cids) this.#latest.delete(cidKey(cid))
  }

  /** Entries have changed on disk. Large ones are not kept. */
  note(cids: readonly Cid[], entries: readonly (ViewEntry | undefined)[]): void {
    cids.forEach((cid, at) => {
      const entry = entries[at]
      if ((entry?.record.length ?? 0) <= KEPT_BYTES_MAX) this.#latest.set(cidKey(cid), { entry })
    })
  }

  /** Everything may have changed. */
  clear(): void {
    this.#latest.clear()
  }

  /** The pin of a CID. */
  async get(cid: Cid): Promise<Pin | undefined> {
    const latest = this.#latest.get(cidKey(cid))
    return latest === undefined ? readPin(this.#store, cid) : pinOf(cid, latest)
  }

  /** The same for many, in the order asked. */
  async getMany(cids: readonly Cid[]): Promise<readonly (Pin | undefined)[]> {
    const pins: (Pin | undefined)[] = []
    const missed: number[] = []
    cids.forEach((cid, at) => {
      const latest = this.#latest.get(cidKey(cid))
      if (latest === undefined) missed.push(at)
      pins.push(latest === undefined ? undefined : pinOf(cid, latest))
    })
    if (missed.length === 0) return pins
    const read = await readMany(
      this.#store,
      missed.flatMap(at => cids[at] ?? []),
    )
    missed.forEach((at, index) => {
      pins[at] = read[index]
    })
    return pins
  }
}

function pinOf(cid: Cid, latest: Latest): Pin | undefined {
  if (latest.entry === undefined) return undefined
  latest.pin ??= pinOfEntry(cid, latest.entry)
  return latest.pin
}
