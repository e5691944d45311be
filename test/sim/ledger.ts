import { type Cid, cidKey } from '../../src/model/cid.ts'
import { isSameRequest, type Pin } from '../../src/model/pin.ts'

/** What became of a write, as far as the one who asked for it knows. */
export type Outcome = 'open' | 'acked' | 'failed' | 'died'

/** One attempt to change the entry of one CID. Moments are numbers that only rise. */
export interface Write {
  readonly id: number
  readonly cid: string
  readonly author: number
  /** What was to be written; undefined = a removal. Its name says which write it was. */
  readonly pin: Pin | undefined
  /** Name of the entry that the author's view had when the write began; whatever it is, this write replaces or removes it. */
  readonly saw: string | undefined
  readonly startedAt: number
  endedAt: number
  outcome: Outcome
  /** Its author's disk is gone or put back, and nobody else has it. */
  isLost: boolean
  /** It was asked for again, so its name may come back after a removal. */
  isRepeated: boolean
  /** It asks for what an earlier one had asked for, in the same words. */
  readonly isAgain: boolean
}

/** Every write that anybody tried, and which of them replaces which. */
export class Ledger {
  readonly byCid = new Map<string, Write[]>()
  readonly byName = new Map<string, Write>()
  readonly #ancestors = new Map<string, ReadonlySet<string>>()
  #moment = 0
  #count = 0
  #namesCount = 0

  /** A name that no write has had. */
  nextName(): string {
    return `w${++this.#namesCount}`
  }

  /** The present moment; every event that follows lies behind it. */
  now(): number {
    return ++this.#moment
  }

  begin(author: number, cid: Cid, pin: Pin | undefined, saw: string | undefined): Write {
    const first = pin === undefined ? undefined : this.byName.get(pin.name)
    const write: Write = {
      id: ++this.#count,
      cid: cidKey(cid),
      author,
      pin,
      saw,
      startedAt: ++this.#moment,
      endedAt: Number.POSITIVE_INFINITY,
      outcome: 'open',
      isLost: false,
      isRepeated: false,
      isAgain: first !== undefined,
    }
    const list = this.byCid.get(write.cid)
    if (list === undefined) this.byCid.set(write.cid, [write])
    else list.push(write)
    if (pin !== undefined && first === undefined) this.byName.set(pin.name, write)
    if (first !== undefined) {
      first.isRepeated = true
      write.isRepeated = true
    }
    return write
  }

  end(write: Write, outcome: Exclude<Outcome, 'open'>): void {
    if (write.outcome !== 'open') return
    write.outcome = outcome
    write.endedAt = ++this.#moment
  }

  /** The process of a peer died: nobody will hear what became of its open writes. */
  die(author: number): void {
    for (const write of this.all()) if (write.author === author) this.end(write, 'died')
  }

  *all(): Generator<Write> {
    for (const list of this.byCid.values()) yield* list
  }

  of(cid: string): readonly Write[] {
    return this.byCid.get(cid) ?? []
  }

  /** A removal that might have taken away what this write put: it had not ended when the write began. */
  removalOf({ cid, startedAt }: Write): Write | undefined {
    return this.of(cid).find(other => other.pin === undefined && other.endedAt > startedAt)
  }

  /**
   * Whether a removal may be undone: somebody else was told before that the content stays pinned, and wrote nothing of it since. No
   * message tells of that, so which of the two was later is for their clocks to say, and these are wrong now and then.
   */
  isContested({ id, cid, author, pin, startedAt, endedAt }: Write): boolean {
    if (pin !== undefined) return false
    const others = this.of(cid).filter(other => other.id !== id && other.author !== author)
    return others.some(
      again =>
        again.isAgain &&
        again.startedAt < endedAt &&
        !others.some(
          later =>
            later.author === again.author &&
            !later.isAgain &&
            later.outcome === 'acked' &&
            later.startedAt > again.startedAt &&
            later.endedAt < startedAt,
        ),
    )
  }

  /** Names that an entry of this name stands above: itself, what its author saw, what the author of that saw, … */
  ancestors(name: string | undefined): ReadonlySet<string> {
    if (name === undefined) return new Set()
    const known = this.#ancestors.get(name)
    if (known !== undefined) return known
    const names = new Set([name, ...this.ancestors(this.byName.get(name)?.saw)])
    this.#ancestors.set(name, names)
    return names
  }

  /** An answered write that replaced or removed the entry of this name, and that cannot have been lost. */
  replacerOf(name: string, isCounted: (write: Write) => boolean): Write | undefined {
    const own = this.byName.get(name)
    if (own === undefined || own.isRepeated) return undefined
    return this.of(own.cid).find(
      write =>
        write.outcome === 'acked' &&
        !write.isLost &&
        write.pin?.name !== name &&
        isCounted(write) &&
        !this.isContested(write) &&
        this.ancestors(write.saw).has(name),
    )
  }

  /** Whether an entry says what was written under its name. */
  isTrue(pin: Pin): boolean {
    const write = this.byName.get(pin.name)
    return write?.pin !== undefined && write.cid === cidKey(pin.cid) && isSameRequest(write.pin, pin)
  }
}
