import { messageOf } from '../errors.ts'
import type { Consensus, Logger } from '../interfaces.ts'
import { type Cid, cidKey } from '../model/cid.ts'
import type { Happening, PinChange } from '../model/cluster-event.ts'
import { isHiddenName } from '../model/entry-name.ts'
import type { Pin } from '../model/pin.ts'

const LOOKS_MAX = 256

/** An entry that changed, and whether it was there before the first of the changes that are told as one. */
interface Changed {
  readonly cid: Cid
  readonly hadEntry: boolean | undefined
}

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
  readonly #changed = new Map<string, Changed>()
  readonly #listening: Disposable
  #looking: Promise<void> | undefined
  #isOver = false

  constructor(parts: PinChangesParts) {
    this.#parts = parts
    this.#listening = parts.consensus.onChange((cids, hadEntry) => this.#note(cids, hadEntry))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true
    this.#listening[Symbol.dispose]()
    await this.#looking
  }

  #note(cids: readonly Cid[], hadEntry: readonly boolean[] | undefined): void {
    cids.forEach((cid, at) => {
      if (!isHiddenName(cid.bytes)) this.#remember(cid, hadEntry?.[at])
    })
    if (this.#changed.size > this.#parts.max) {
      this.#changed.clear()
      this.#parts.lose()
    }
    if (this.#changed.size > 0) this.#looking ??= this.#lookAtAll()
  }

  #remember(cid: Cid, hadEntry: boolean | undefined): void {
    const name = cidKey(cid)
    if (!this.#changed.has(name)) this.#changed.set(name, { cid, hadEntry })
  }

  async #lookAtAll(): Promise<void> {
    const { consensus, tell, lose, logger } = this.#parts
    while (this.#changed.size > 0 && !this.#isOver) {
      const some = [...this.#changed.entries().take(LOOKS_MAX)]
      for (const [name] of some) this.#changed.delete(name)
      try {
        const pins = await consensus.getMany(some.map(([, { cid }]) => cid))
        some.forEach(([, { cid, hadEntry }], at) => {
          const pin = pins[at]
          tell({ kind: 'pin', cid, change: changeOf(pin, hadEntry), name: pin?.name ?? '' })
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

function changeOf(pin: Pin | undefined, hadEntry: boolean | undefined): PinChange {
  if (pin === undefined) return 'removed'
  if (hadEntry === undefined) return 'set'
  return hadEntry ? 'changed' : 'added'
}
