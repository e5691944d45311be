import type { Consensus } from '../interfaces.ts'
import { type Cid, cidKey } from '../model/cid.ts'
import type { Pin } from '../model/pin.ts'

interface Ahead {
  readonly pin: Pin | undefined
  readonly by: object
}

/**
 * The pinset as it will be once everything is written that this request has under way: what a line says goes for the
 * lines behind it, though none of it is on disk yet.
 */
export class PinnedAhead {
  readonly #consensus: Pick<Consensus, 'getMany'>
  readonly #ahead = new Map<string, Ahead>()
  readonly #stored = new Map<string, Pin | undefined>()
  readonly #settled: { readonly cids: readonly Cid[]; readonly by: object }[] = []

  constructor(consensus: Pick<Consensus, 'getMany'>) {
    this.#consensus = consensus
  }

  /** Reads what the pinset has of the CIDs; until the next call `get` knows these. */
  async read(cids: readonly Cid[]): Promise<void> {
    // Only now: a reading that began before the write would not have seen it.
    for (const { cids: written, by } of this.#settled.splice(0)) this.#forget(written, by)
    const stored = await this.#consensus.getMany(cids)
    this.#stored.clear()
    cids.forEach((cid, at) => void this.#stored.set(cidKey(cid), stored[at]))
  }

  get(cid: Cid): Pin | undefined {
    const key = cidKey(cid)
    const ahead = this.#ahead.get(key)
    return ahead === undefined ? this.#stored.get(key) : ahead.pin
  }

  /** `pin` (undefined = none) is being written, by one of possibly several writes. */
  set(cid: Cid, pin: Pin | undefined, by: object): void {
    this.#ahead.set(cidKey(cid), { pin, by })
  }

  /** A write is on disk. */
  settle(cids: readonly Cid[], by: object): void {
    this.#settled.push({ cids, by })
  }

  #forget(cids: readonly Cid[], by: object): void {
    for (const cid of cids) {
      const key = cidKey(cid)
      if (this.#ahead.get(key)?.by === by) this.#ahead.delete(key)
    }
  }
}
