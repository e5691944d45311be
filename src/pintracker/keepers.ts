import { messageOf } from '../errors.ts'
import type { Logger } from '../interfaces.ts'
import type { Clock } from '../lib/clock.ts'
import { LatestMap } from '../lib/latest-map.ts'
import type { Cid } from '../model/cid.ts'
import { type AskHolds, keepersNeeded, toQuestions } from '../model/holds.ts'
import type { PeerId } from '../model/peer.ts'
import type { Pin } from '../model/pin.ts'

/** What a peer holds though it is allocated to others only. */
export interface Surplus {
  readonly name: string
  readonly cid: Cid
  readonly pin: Pin
}

/** A peer that did not answer is not asked again for so long. */
const SILENT_MS = 10_000
const ANSWER_MS_MAX = 10_000
/** Of how many peers it is remembered that they were silent: allocations may name any number that is gone for good. */
const SILENT_MAX = 1000

/** What asking needs. */
export interface KeepersParts {
  readonly askHolds: AskHolds
  readonly self: PeerId
  readonly clock: Clock
  readonly logger: Logger
}

/** Finds out whether the peers to which content is allocated hold it. A peer that does not answer holds nothing. */
export class Keepers {
  readonly #parts: KeepersParts
  readonly #silentUntilMs = new LatestMap<PeerId, number>(SILENT_MAX)

  constructor(parts: KeepersParts) {
    this.#parts = parts
  }

  /** `kept`: enough of the peers that are to hold it say that they do; `missing`: the others. Throws `signal.reason`. */
  async ask(
    surplus: readonly Surplus[],
    signal: AbortSignal,
  ): Promise<{ readonly kept: readonly Surplus[]; readonly missing: readonly Surplus[] }> {
    const byPeer = new Map<PeerId, Surplus[]>()
    for (const each of surplus) {
      for (const peer of new Set(each.pin.allocations)) {
        if (peer === this.#parts.self) continue
        const asked = byPeer.get(peer)
        if (asked === undefined) byPeer.set(peer, [each])
        else asked.push(each)
      }
    }
    const holders = new Map<Surplus, number>()
    const askPeer = async ([peer, asked]: readonly [PeerId, readonly Surplus[]]) => {
      for (const question of toQuestions(asked)) {
        const held = await this.#ask(peer, question, signal)
        question.forEach((each, at) => {
          if (held[at] === true) holders.set(each, (holders.get(each) ?? 0) + 1)
        })
      }
    }
    await Promise.all([...byPeer].map(askPeer))
    const { true: kept = [], false: missing = [] } = Object.groupBy(surplus, each =>
      String((holders.get(each) ?? 0) >= keepersNeeded(each.pin)),
    )
    return { kept, missing }
  }

  async #ask(peer: PeerId, question: readonly Surplus[], signal: AbortSignal): Promise<readonly boolean[]> {
    const { askHolds, clock, logger } = this.#parts
    signal.throwIfAborted()
    if (clock.monotonic() < (this.#silentUntilMs.get(peer) ?? 0)) return []
    const late = new AbortController()
    using _ = clock.schedule(ANSWER_MS_MAX, () =>
      late.abort(new DOMException('the peer takes too long', 'TimeoutError')),
    )
    const cids = question.map(({ cid }) => cid)
    try {
      const held = await askHolds(peer, cids, { signal: AbortSignal.any([signal, late.signal]) })
      this.#silentUntilMs.delete(peer)
      return held
    } catch (thrown) {
      signal.throwIfAborted()
      logger.debug('a peer does not say what it holds', { peer, reason: messageOf(thrown) })
      this.#silentUntilMs.set(peer, clock.monotonic() + SILENT_MS)
      return []
    }
  }
}
