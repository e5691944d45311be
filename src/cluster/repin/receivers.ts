import { messageOf } from '../../errors.ts'
import type { Logger, Options } from '../../interfaces.ts'
import type { Clock } from '../../lib/clock.ts'
import { type Cid, cidKey } from '../../model/cid.ts'
import { type AskHolds, toQuestions } from '../../model/holds.ts'
import type { PeerId } from '../../model/peer.ts'

/** What a peer does not have after this time holds nobody up any more: it may not be to be had. */
const GIVEN_UP_MS = 120_000

/** What keeping count needs. */
export interface ReceiversParts {
  readonly askHolds: AskHolds
  readonly clock: Clock
  readonly logger: Logger
}

interface Awaited {
  readonly cid: Cid
  readonly sinceMs: number
}

/** What was moved to each peer and is not there yet, as far as this peer moved it: not too much at a time. */
export class Receivers {
  readonly #parts: ReceiversParts
  readonly #inFlightMax: number
  readonly #awaited = new Map<PeerId, Map<string, Awaited>>()

  constructor(parts: ReceiversParts, inFlightMax: number) {
    this.#parts = parts
    this.#inFlightMax = inFlightMax
  }

  /** CIDs on their way. */
  get count(): number {
    return this.#awaited.values().reduce((sum, { size }) => sum + size, 0)
  }

  /** Peers that get nothing more for the moment. */
  full(): readonly PeerId[] {
    return [...this.#awaited].filter(([, { size }]) => size >= this.#inFlightMax).map(([peer]) => peer)
  }

  /** A CID was allocated to a peer. */
  note(peer: PeerId, cid: Cid): void {
    const awaited = this.#awaited.get(peer) ?? new Map<string, Awaited>()
    awaited.set(cidKey(cid), { cid, sinceMs: this.#parts.clock.monotonic() })
    this.#awaited.set(peer, awaited)
  }

  /** Asks everybody what has arrived. */
  async look(options: Options): Promise<void> {
    const { clock } = this.#parts
    await Promise.all([...this.#awaited].map(([peer, awaited]) => this.#ask(peer, awaited, options)))
    const overMs = clock.monotonic() - GIVEN_UP_MS
    for (const [peer, awaited] of this.#awaited) {
      for (const [name, { sinceMs }] of awaited) if (sinceMs <= overMs) awaited.delete(name)
      if (awaited.size === 0) this.#awaited.delete(peer)
    }
  }

  async #ask(peer: PeerId, awaited: Map<string, Awaited>, options: Options): Promise<void> {
    const { askHolds, logger } = this.#parts
    try {
      for (const question of toQuestions([...awaited.values()])) {
        const held = await askHolds(
          peer,
          question.map(({ cid }) => cid),
          options,
        )
        question.forEach(({ cid }, at) => {
          if (held[at] === true) awaited.delete(cidKey(cid))
        })
      }
    } catch (thrown) {
      options.signal.throwIfAborted()
      logger.debug('a peer does not say what has arrived', { peer, reason: messageOf(thrown) })
    }
  }
}
