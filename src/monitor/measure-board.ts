import { messageOf } from '../errors.ts'
import type { Informer, Logger, Options } from '../interfaces.ts'
import type { Clock } from '../lib/clock.ts'
import type { Measure } from '../model/metric.ts'
import { isSendable, MEASURES_MAX, PING } from './heartbeat.ts'

const READ_MS_MAX = 5000

/** What the board needs. */
export interface BoardParts {
  readonly informers: readonly Informer[]
  readonly clock: Clock
  readonly logger: Logger
  readonly onFailure: (informer: string) => void
}

interface Slot {
  readonly informer: Informer
  measures: readonly Measure[]
  readAtMs: number
  reading: Promise<void> | undefined
  hasFailed: boolean
}

/**
 * The last measures of every informer. Each is read again at half its time to live; what fails is not told any more,
 * and nobody waits for an informer that hangs.
 */
export class MeasureBoard {
  readonly #parts: BoardParts
  readonly #slots: readonly Slot[]

  constructor(parts: BoardParts) {
    this.#parts = parts
    this.#slots = parts.informers.map(informer => ({
      informer,
      measures: [],
      readAtMs: Number.NEGATIVE_INFINITY,
      reading: undefined,
      hasFailed: false,
    }))
  }

  /** Reads what is due, or everything; resolves when no read is under way any more. Never rejects. */
  async refresh(isForced: boolean, options: Options): Promise<void> {
    const nowMs = this.#parts.clock.monotonic()
    for (const slot of this.#slots) {
      if (isForced || nowMs >= slot.readAtMs + shortestTtlMs(slot.measures) / 2) {
        slot.reading ??= this.#read(slot, options).finally(() => {
          slot.reading = undefined
        })
      }
    }
    await this.settled()
  }

  /** Resolves when no read is under way any more. */
  async settled(): Promise<void> {
    for (const { reading } of this.#slots) await reading
  }

  /** What holds now, each with the time for which it still holds; one of a name, since others take no two. */
  measures(): readonly Measure[] {
    const nowMs = this.#parts.clock.monotonic()
    const measures = this.#slots.flatMap(slot =>
      slot.measures.map(measure => ({ ...measure, ttlMs: measure.ttlMs - (nowMs - slot.readAtMs) })),
    )
    const byName = new Map(measures.filter(({ ttlMs }) => ttlMs >= 1).map(measure => [measure.name, measure]))
    return [...byName.values()].slice(0, MEASURES_MAX)
  }

  async #read(slot: Slot, { signal }: Options): Promise<void> {
    const { clock, logger, onFailure } = this.#parts
    const { informer } = slot
    const limit = new AbortController()
    using _timer = clock.schedule(READ_MS_MAX, () =>
      limit.abort(new DOMException(`no answer within ${READ_MS_MAX} ms`, 'TimeoutError')),
    )
    try {
      const measures = await informer.read({ signal: AbortSignal.any([signal, limit.signal]) })
      slot.measures = measures.filter(measure => measure.name !== PING && isSendable(measure))
      slot.hasFailed = false
    } catch (thrown) {
      slot.measures = []
      if (!signal.aborted) {
        if (!slot.hasFailed)
          logger.warn('an informer fails', { informer: informer.name, reason: messageOf(thrown) })
        slot.hasFailed = true
        onFailure(informer.name)
      }
    } finally {
      slot.readAtMs = clock.monotonic()
    }
  }
}

/** An informer without measures is asked again at every beat. */
function shortestTtlMs(measures: readonly Measure[]): number {
  return measures.reduce(
    (least, { ttlMs }) => Math.min(least, ttlMs),
    measures.length === 0 ? 0 : Number.POSITIVE_INFINITY,
  )
}
