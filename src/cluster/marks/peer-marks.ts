import type { Consensus, Logger, Options, PeerMarks } from '../../interfaces.ts'
import type { Clock } from '../../lib/clock.ts'
import { Emitter } from '../../lib/emitter.ts'
import { type Cid, cidKey } from '../../model/cid.ts'
import type { PeerId } from '../../model/peer.ts'
import {
  EVERY_MARK,
  isInMaintenance,
  isMarkName,
  isSameMark,
  MAINTENANCE_SKEW_MS,
  markCid,
  markIn,
  type PeerMark,
  peerOfMark,
  saysNothing,
  toMarkEntry,
  unmarked,
} from '../../model/peer-mark.ts'

/** What keeping the marks needs. */
export interface PeerMarksComponents {
  readonly consensus: Pick<Consensus, 'get' | 'pins' | 'put' | 'remove' | 'onChange'>
  readonly clock: Clock
  readonly logger: Logger
}

/** Marks that are kept in memory. More than any cluster has peers; those beyond are passed over. */
const MARKS_MAX = 10_000
/** The wall clock may be set meanwhile, so that the end is looked at once a day at least. */
const WAIT_MS_MAX = 86_400_000

/**
 * Opens the marks: all of them are read from the pinset once, and again where it changes. An entry of the pinset is written by
 * trusted peers only, and so is a mark.
 */
export async function openPeerMarks(components: PeerMarksComponents): Promise<PeerMarks> {
  const marks = new ReplicatedMarks(components)
  try {
    await marks.readAll()
    return marks
  } catch (thrown) {
    await marks[Symbol.asyncDispose]()
    throw thrown
  }
}

class ReplicatedMarks implements PeerMarks {
  readonly #parts: PeerMarksComponents
  readonly #marks = new Map<PeerId, PeerMark>()
  readonly #changes = new Emitter<PeerMark>()
  readonly #listening: Disposable
  readonly #toRead = new Map<string, Cid>()
  readonly #stopping = new AbortController()
  #reading: Promise<void> | undefined
  #ending: Disposable | undefined

  constructor(parts: PeerMarksComponents) {
    this.#parts = parts
    this.#listening = parts.consensus.onChange(cids => this.#note(cids))
  }

  /** Reads every mark that there is. */
  async readAll(): Promise<void> {
    const types = new Set(['peer-mark'] as const)
    const { signal } = this.#stopping
    for await (const entry of this.#parts.consensus.pins({ ...EVERY_MARK, types }, { signal })) {
      this.#note([entry.cid])
    }
    await this.#reading
  }

  of(peer: PeerId): PeerMark {
    return this.#asOfNow(this.#marks.get(peer) ?? unmarked(peer))
  }

  all(): readonly PeerMark[] {
    return [...this.#marks.values()]
      .map(mark => this.#asOfNow(mark))
      .filter(mark => !saysNothing(mark))
      .sort((a, b) => (a.peer < b.peer ? -1 : 1))
  }

  async set(mark: PeerMark, options: Options): Promise<void> {
    const { clock, consensus } = this.#parts
    const cid = markCid(mark.peer)
    const now = this.#asOfNow(mark)
    if (saysNothing(now)) await consensus.remove([cid], options)
    else await consensus.put([toMarkEntry(now, clock.now())], options)
    this.#note([cid])
    await this.#reading
  }

  onChange(listener: (mark: PeerMark) => void): Disposable {
    return this.#changes.on(listener)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort(new DOMException('stopped', 'AbortError'))
    this.#listening[Symbol.dispose]()
    this.#ending?.[Symbol.dispose]()
    await this.#reading
  }

  /** A maintenance that is over says nothing any more, also while nobody has said so. */
  #asOfNow(mark: PeerMark): PeerMark {
    const isOver = mark.maintenanceUntilMs !== undefined && !isInMaintenance(mark, this.#parts.clock.now())
    return isOver ? { ...mark, maintenanceUntilMs: undefined } : mark
  }

  #note(cids: readonly Cid[]): void {
    for (const cid of cids) if (isMarkName(cid.bytes)) this.#toRead.set(cidKey(cid), cid)
    if (this.#toRead.size > 0) this.#reading ??= this.#readChanged()
  }

  async #readChanged(): Promise<void> {
    for (const [key, cid] of this.#toRead) {
      this.#toRead.delete(key)
      if (this.#stopping.signal.aborted) break
      try {
        const entry = await this.#parts.consensus.get(cid)
        const mark = entry === undefined ? undefined : markIn(entry)
        this.#keep(mark ?? unmarked(peerOfMark(cid)))
      } catch (error) {
        this.#parts.logger.warn('what was said of a peer could not be read', { peer: peerOfMark(cid), error })
      }
    }
    // In the same breath as the last look at what has changed.
    this.#reading = undefined
  }

  #keep(mark: PeerMark): void {
    const { peer } = mark
    const before = this.#marks.get(peer) ?? unmarked(peer)
    if (isSameMark(before, mark)) return
    if (saysNothing(mark)) this.#marks.delete(peer)
    else if (this.#marks.has(peer) || this.#marks.size < MARKS_MAX) this.#marks.set(peer, mark)
    else return this.#parts.logger.warn('more is said of peers than is kept', { peer, max: MARKS_MAX })
    this.#waitForEnd()
    this.#changes.emit(this.#asOfNow(mark))
  }

  /** Tells of a maintenance that runs out: nothing is written then that could be noticed. */
  #waitForEnd(): void {
    this.#ending?.[Symbol.dispose]()
    this.#ending = undefined
    const { clock } = this.#parts
    const ends = [...this.#marks.values()].flatMap(mark => mark.maintenanceUntilMs ?? [])
    if (ends.length === 0 || this.#stopping.signal.aborted) return
    const inMs = Math.min(...ends) + MAINTENANCE_SKEW_MS - clock.now()
    this.#ending = clock.schedule(Math.max(0, Math.min(inMs, WAIT_MS_MAX)), () => {
      for (const mark of this.#marks.values()) this.#keep(this.#asOfNow(mark))
      this.#waitForEnd()
    })
  }
}
