import { messageOf } from '../errors.ts'
import type { Consensus, Logger } from '../interfaces.ts'
import { type Cid, cidKey } from '../model/cid.ts'
import type { Happening } from '../model/cluster-event.ts'
import { isHiddenName } from '../model/entry-name.ts'

const LOOKS_MAX = 256

/** What following the pinset needs. */
export interface PinChangesParts {
  readonly consensus: Pick<Consensus, 'getMany' | 'onChange'>
  readonly logger: Logger
  readonly tell: (happening: Happening) => void
  /** Changes are lost: there were more at once than `max`, or the pinset could not be read. */
  readonly lose: () => void
  readonly max: number
}

/** Looks up how the entries are that have changed, some hundred at a time, and tells of them. */
export class PinChanges implements AsyncDisposable {
  readonly #parts: PinChangesParts
  readonly #changed = new Map<string, Cid>()
  readonly #listening: Disposable
  #looking: Promise<void> | undefined
  #isOver = false

  constructor(parts: PinChangesParts) {
    this.#parts = parts
    this.#listening = parts.consensus.onChange(cids => this.#note(cids))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true
    this.#listening[Symbol.dispose]()
    await this.#looking
  }

  #note(cids: readonly Cid[]): void {
    for (const cid of cids) if (!isHiddenName(cid.bytes)) this.#changed.set(cidKey(cid), cid)
    if (this.#changed.size > this.#parts.max) {
      this.#changed.clear()
      this.#parts.lose()
    }
    if (this.#changed.size > 0) this.#looking ??= this.#lookAtAll()
  }

  async #lookAtAll(): Promise<void> {
    const { consensus, tell, lose, logger } = this.#parts
    while (this.#changed.size > 0 && !this.#isOver) {
      const some = [...this.#changed.entries().take(LOOKS_MAX)]
      for (const [name] of some) this.#changed.delete(name)
      try {
        const pins = await consensus.getMany(some.map(([, cid]) => cid))
        some.forEach(([, cid], at) => {
          const pin = pins[at]
          tell({ kind: 'pin', cid, change: pin === undefined ? 'removed' : 'set', name: pin?.name ?? '' })
        })
      } catch (thrown) {
        logger.warn('changes of the pinset are not told: it cannot be read', { reason: messageOf(thrown) })
        lose()
      }
    }
    // In the same breath as the last look at what has changed.
    this.#looking = undefined
  }
}
