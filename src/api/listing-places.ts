import type { Clock } from '../lib/clock.ts'

/**
 * Long listings that are under way at a time. Each holds some pages of pins, about 2 MB, and they share one processor: more
 * of them would end no sooner, and those behind are better off with nothing loaded.
 */
export const LISTINGS_MAX = 16
/** How long all together a listing may stand still for its reader while others wait for a place. */
export const PATIENCE_MS = 20_000
const LOOK_MS = 1000

/** A place among the long listings, until it is disposed. */
export interface ListingPlace extends Disposable {
  /** Waits for a reader to catch up. `giveUp` is called when that has cost others too much time, and must end the wait. */
  standStill(wait: Promise<void>, giveUp: () => void): Promise<void>
}

/** What a listing that is under way costs the others. */
interface Taken {
  stoodMs: number
  /** Set while the reader is waited for. */
  giveUp: (() => void) | undefined
}

/**
 * Lets some long listings be worked on at a time; the others wait in the order in which they came, with nothing loaded. Without
 * that, whoever opens listings and does not read them fills the memory. Those that wait are bounded by the connections. A listing
 * whose reader does not keep up has as much time as it wants as long as there are places; when others wait, twenty seconds.
 */
export class ListingPlaces {
  readonly #clock: Clock
  readonly #max: number
  readonly #taken = new Set<Taken>()
  readonly #waiting = new Set<() => void>()
  #look: Disposable | undefined

  constructor(clock: Clock, max = LISTINGS_MAX) {
    this.#clock = clock
    this.#max = max
  }

  /** Resolves when it is the caller's turn. Throws the signal's reason. */
  async take(signal: AbortSignal): Promise<ListingPlace> {
    signal.throwIfAborted()
    const own: Taken = { stoodMs: 0, giveUp: undefined }
    if (this.#taken.size < this.#max) this.#taken.add(own)
    else await this.#waitFor(own, signal)
    return {
      async standStill(wait, giveUp) {
        own.giveUp = giveUp
        try {
          await wait
        } finally {
          own.giveUp = undefined
        }
      },
      [Symbol.dispose]: () => {
        if (this.#taken.delete(own)) this.#next()
      },
    }
  }

  #next(): void {
    const [next] = this.#waiting
    next?.()
  }

  async #waitFor(own: Taken, signal: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const start = () => {
      this.#leave(start)
      this.#taken.add(own)
      resolve()
    }
    const onAbort = () => {
      // Who has got the place meanwhile gives it back as everybody does.
      if (this.#leave(start)) reject(signal.reason)
    }
    this.#waiting.add(start)
    this.#look ??= this.#lookSoon()
    signal.addEventListener('abort', onAbort, { once: true })
    try {
      await promise
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  }

  #leave(waiting: () => void): boolean {
    const wasThere = this.#waiting.delete(waiting)
    if (this.#waiting.size === 0) {
      this.#look?.[Symbol.dispose]()
      this.#look = undefined
    }
    return wasThere
  }

  #lookSoon(): Disposable {
    return this.#clock.schedule(LOOK_MS, () => this.#onLook())
  }

  /** Looks who stands still as long as somebody waits, and gives up as many as wait. */
  #onLook(): void {
    let wanted = this.#waiting.size
    for (const taken of this.#taken) {
      if (taken.giveUp === undefined) continue
      taken.stoodMs += LOOK_MS
      if (taken.stoodMs < PATIENCE_MS || wanted === 0) continue
      wanted -= 1
      taken.giveUp()
    }
    this.#look = this.#waiting.size === 0 ? undefined : this.#lookSoon()
  }
}
