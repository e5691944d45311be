import type { Ipfs, Options } from '../interfaces.ts'
import { Breath } from '../lib/breath.ts'
import type { Clock } from '../lib/clock.ts'
import { unlessAborted } from '../lib/unless-aborted.ts'
import type { Cid } from '../model/cid.ts'
import type { PinMode } from '../model/pin.ts'
import type { CidTable } from './cid-table.ts'

/** A listing may be this many times as old as it took, so that listing never takes more than a tenth of IPFS's time. */
const AGE_PER_DURATION = 10
/** What has come of a listing is taken in for so long at a time, then everything else gets its turn. */
const SLICE_MS = 5

/** What the view needs. */
export interface ViewParts {
  readonly ipfs: Pick<Ipfs, 'allPinned'>
  readonly clock: Clock
  /** Where it keeps that. */
  readonly table: CidTable
}

/**
 * What IPFS has pinned, as far as this peer knows: the last whole listing, and what it has done itself since. There is
 * never more than one listing at a time, since a listing holds up pinning in Kubo.
 */
export class PinnedView implements AsyncDisposable {
  readonly #parts: ViewParts
  readonly #stopping = new AbortController()
  #listing: Promise<void> | undefined
  #listedAtMs: number | undefined
  #tookMs = 0

  constructor(parts: ViewParts) {
    this.#parts = parts
  }

  /** Whether there was a whole listing, so that a CID it does not know is not pinned. */
  get isComplete(): boolean {
    return this.#listedAtMs !== undefined
  }

  get pinsCount(): number {
    return this.#parts.table.heldCount
  }

  get sizeBytes(): number {
    return this.#parts.table.sizeBytes
  }

  mode(cid: Cid): PinMode | undefined {
    return this.#parts.table.mode(cid)
  }

  /** Something else was found out, or done. */
  note(cid: Cid, mode: PinMode | undefined): void {
    if (mode === undefined) this.#parts.table.delete(cid)
    else this.#parts.table.add(cid, mode)
  }

  /**
   * Lists again unless the last listing is young enough: `maxAgeMs`, or ten times as long as it took. Throws what the
   * listing threw; then the view is as before.
   */
  async refresh(maxAgeMs: number, { signal }: Options): Promise<void> {
    signal.throwIfAborted()
    const ageMs = this.#parts.clock.monotonic() - (this.#listedAtMs ?? Number.NEGATIVE_INFINITY)
    if (maxAgeMs > 0 && ageMs <= Math.max(maxAgeMs, this.#tookMs * AGE_PER_DURATION)) return
    this.#listing ??= this.#list().finally(() => {
      this.#listing = undefined
    })
    await unlessAborted(this.#listing, signal)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort(new DOMException('stopped', 'AbortError'))
    await Promise.allSettled([this.#listing])
  }

  async #list(): Promise<void> {
    const { ipfs, clock, table } = this.#parts
    const beganMs = clock.monotonic()
    table.beginListing()
    try {
      const breath = new Breath(clock, SLICE_MS)
      for await (const [cid, mode] of ipfs.allPinned({ signal: this.#stopping.signal })) {
        table.add(cid, mode)
        if (!breath.isDue) continue
        await breath.taken()
        this.#stopping.signal.throwIfAborted()
      }
    } catch (thrown) {
      table.abandonListing()
      throw thrown
    }
    table.endListing()
    this.#listedAtMs = clock.monotonic()
    this.#tookMs = this.#listedAtMs - beganMs
  }
}
