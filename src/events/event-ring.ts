import { ClusterError } from '../errors.ts'
import type { Options } from '../interfaces.ts'
import type { Clock } from '../lib/clock.ts'
import type { ClusterEvent, EventQuery, Happening } from '../model/cluster-event.ts'
import type { PeerId } from '../model/peer.ts'

/** Most events in a page. */
const PAGE_MAX = 256
const ID = /^([0-9a-f]{16})-(\d{1,15})$/

/** What a ring is made for. */
export interface RingOptions {
  readonly self: PeerId
  /** 16 hex digits that no other run has. */
  readonly incarnation: string
  /** How many events are kept. */
  readonly max: number
  readonly clock: Pick<Clock, 'now'>
}

/**
 * The last events of this run, each with a number. A reader holds nothing but its place: one that is slow costs no
 * memory, and when the events behind its place are gone it is told so. Readers that wait are woken once for all that
 * happens in a turn of the event loop.
 */
export class EventRing {
  readonly #options: RingOptions
  readonly #slots: ClusterEvent[] = []
  readonly #waiting = new Set<(isPulse: boolean) => void>()
  /** Number of the next event. */
  #next = 1
  /** Number of the first event that counts. */
  #first = 1
  #readersCount = 0

  constructor(options: RingOptions) {
    this.#options = options
  }

  /** How many are reading. */
  get readersCount(): number {
    return this.#readersCount
  }

  push(happening: Happening): void {
    const { self, max, clock } = this.#options
    const number = this.#next++
    this.#slots[number % max] = { ...happening, id: this.#idOf(number), atMs: clock.now(), teller: self }
    this.#first = Math.max(this.#first, this.#next - max)
    this.#wake(false)
  }

  /** Something has happened that is not known: whoever reads has to list anew. */
  lose(): void {
    this.#next += 1
    this.#first = this.#next
    this.#wake(false)
  }

  /** Gives every waiting reader a sign of life. */
  pulse(): void {
    this.#wake(true)
  }

  /** Events behind the query's place; goes on until the signal ends it. */
  async *read(query: EventQuery, { signal }: Options): AsyncGenerator<readonly ClusterEvent[]> {
    signal.throwIfAborted()
    let place = this.#placeOf(query.after)
    let wake: ((isPulse: boolean) => void) | undefined
    const onAbort = () => wake?.(false)
    signal.addEventListener('abort', onAbort)
    this.#readersCount += 1
    try {
      yield [this.#say('alive', place < 0 ? this.#next - 1 : place)]
      for (;;) {
        signal.throwIfAborted()
        if (place + 1 < this.#first) {
          place = this.#next - 1
          yield [this.#say('reset', place)]
          continue
        }
        const { page, upTo } = this.#pageBehind(place, query)
        place = upTo
        if (page.length > 0) yield page
        if (place < this.#next - 1) continue
        const woken = Promise.withResolvers<boolean>()
        wake = woken.resolve
        this.#waiting.add(wake)
        const isPulse = await woken.promise
        this.#waiting.delete(wake)
        if (isPulse) yield [this.#say('alive', place)]
      }
    } finally {
      this.#readersCount -= 1
      if (wake !== undefined) this.#waiting.delete(wake)
      signal.removeEventListener('abort', onAbort)
    }
  }

  #pageBehind(
    place: number,
    query: EventQuery,
  ): { readonly page: readonly ClusterEvent[]; readonly upTo: number } {
    const page: ClusterEvent[] = []
    let upTo = place
    while (upTo < this.#next - 1 && page.length < PAGE_MAX) {
      upTo += 1
      const event = this.#slots[upTo % this.#options.max]
      if (event !== undefined && isAskedFor(event, query)) page.push(event)
    }
    return { page, upTo }
  }

  /** The place of a cursor; -1 when it is of another run, or of the future. */
  #placeOf(after: string | undefined): number {
    if (after === undefined) return this.#next - 1
    const [, incarnation, digits] = ID.exec(after) ?? []
    if (incarnation === undefined)
      throw new ClusterError('INVALID_ARGUMENT', 'parameter after invalid: it is the id of an event')
    const number = Number(digits)
    return incarnation === this.#options.incarnation && number < this.#next ? number : -1
  }

  #say(kind: 'alive' | 'reset', place: number): ClusterEvent {
    const { self, clock } = this.#options
    return { kind, id: this.#idOf(place), atMs: clock.now(), teller: self }
  }

  #idOf(number: number): string {
    return `${this.#options.incarnation}-${number}`
  }

  #wake(isPulse: boolean): void {
    for (const wake of this.#waiting) wake(isPulse)
    this.#waiting.clear()
  }
}

function isAskedFor(event: ClusterEvent, { kinds, cid }: EventQuery): boolean {
  if (event.kind === 'reset' || event.kind === 'alive') return true
  if (kinds?.has(event.kind) === false) return false
  if (cid === undefined) return true
  return (event.kind === 'pin' || event.kind === 'status') && event.cid.equals(cid)
}
