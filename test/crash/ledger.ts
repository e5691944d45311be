/** What a CID is: the name of its pin, or undefined when it is not pinned. */
export type PinState = string | undefined

/** A CID that is not as it was acknowledged. */
export interface Damage {
  /** `lost`: an acknowledged pin is not there, or an older one is. `resurrected`: an acknowledged removal is undone. */
  readonly kind: 'lost' | 'resurrected'
  readonly cid: string
  readonly text: string
}

interface Entry {
  readonly acknowledged: PinState
  /** What was asked for since then and never answered: each of it may have come true. */
  readonly inDoubt: readonly PinState[]
}

const NEVER_TOUCHED: Entry = { acknowledged: undefined, inDoubt: [] }

/** What a peer has acknowledged of CIDs that one client at a time writes to, and so what it must show. */
export class Ledger {
  readonly #entries = new Map<string, Entry>()
  #acknowledgedCount = 0
  #inDoubtCount = 0

  /** Writes that were answered with success so far. */
  get acknowledgedCount(): number {
    return this.#acknowledgedCount
  }

  /** Writes that were sent and not answered so far. */
  get inDoubtCount(): number {
    return this.#inDoubtCount
  }

  isPinned(cid: string): boolean {
    return this.#entries.get(cid)?.acknowledged !== undefined
  }

  acknowledge(cid: string, state: PinState): void {
    this.#acknowledgedCount++
    this.#entries.set(cid, { acknowledged: state, inDoubt: [] })
  }

  doubt(cid: string, state: PinState): void {
    this.#inDoubtCount++
    const { acknowledged, inDoubt } = this.#entries.get(cid) ?? NEVER_TOUCHED
    this.#entries.set(cid, { acknowledged, inDoubt: [...inDoubt, state] })
  }

  /**
   * Holds a listing against what was acknowledged of some CIDs. From here on what the listing shows counts as acknowledged:
   * what was in doubt has come true or not, and stays so.
   */
  settle(cids: Iterable<string>, listing: ReadonlyMap<string, string>): Damage[] {
    const damages: Damage[] = []
    for (const cid of cids) {
      const { acknowledged, inDoubt } = this.#entries.get(cid) ?? NEVER_TOUCHED
      const shown = listing.get(cid)
      if (shown !== acknowledged && !inDoubt.includes(shown)) {
        const text = `${cid}: acknowledged ${acknowledged ?? 'removal'}, shown ${shown ?? 'nothing'}, in doubt ${inDoubt.length}`
        damages.push({ kind: acknowledged === undefined ? 'resurrected' : 'lost', cid, text })
      }
      this.#entries.set(cid, { acknowledged: shown, inDoubt: [] })
    }
    return damages
  }
}
