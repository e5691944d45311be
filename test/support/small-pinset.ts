import type { Consensus } from '../../src/interfaces.ts'
import { Emitter } from '../../src/lib/emitter.ts'
import { type Cid, cidKey } from '../../src/model/cid.ts'
import type { Pin } from '../../src/model/pin.ts'
import { inRange } from './in-range.ts'

/** The part of `Consensus` that a tracker sees, in memory, with what a test does to it. */
export interface SmallPinset extends Pick<Consensus, 'get' | 'pins' | 'onChange'> {
  set(pin: Pin): void
  remove(cid: Cid): void
  /** Changes without a word, as if the news had been missed. */
  readonly entries: Map<string, Pin>
  /** How often an entry was read, and what happens right behind that. */
  readonly reads: { count: number; behind: (() => void) | undefined }
}

/** An empty pinset. Listeners are told at once. */
export function smallPinset(): SmallPinset {
  const entries = new Map<string, Pin>()
  const changes = new Emitter<readonly [cid: Cid, hadEntry: boolean]>()
  const reads: SmallPinset['reads'] = { count: 0, behind: undefined }
  return {
    entries,
    reads,
    set: pin => {
      const hadEntry = entries.has(cidKey(pin.cid))
      entries.set(cidKey(pin.cid), pin)
      changes.emit([pin.cid, hadEntry])
    },
    remove: cid => {
      if (entries.delete(cidKey(cid))) changes.emit([cid, true])
    },
    get: async cid => {
      reads.count++
      const entry = entries.get(cidKey(cid))
      if (reads.behind !== undefined) {
        await Promise.resolve()
        reads.behind()
      }
      return entry
    },
    async *pins(range, { signal }) {
      for (const pin of inRange(entries.values(), range)) {
        signal.throwIfAborted()
        yield pin
      }
    },
    onChange: listener => changes.on(([cid, hadEntry]) => listener([cid], [hadEntry])),
  }
}
