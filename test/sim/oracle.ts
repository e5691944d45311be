import { cidOfViewKey, VIEW_RANGE } from '../../src/consensus/keys.ts'
import { decodeViewEntry, pinOfEntry, type ViewEntry } from '../../src/consensus/view.ts'
import type { ByteStore, StoreWrite } from '../../src/interfaces.ts'
import { toKey } from '../../src/lib/bytes.ts'
import { type Cid, cidFromBytes, cidFromKey, cidKey } from '../../src/model/cid.ts'
import type { PeerId } from '../../src/model/peer.ts'
import { isMarkName } from '../../src/model/peer-mark.ts'
import { isAllocatedTo, type Pin } from '../../src/model/pin.ts'
import type { Ledger, Write } from './ledger.ts'
import type { MoveWatch } from './move-watch.ts'

/** A tracker that read the pinset may act on what it read for so long. */
const READ_IS_FRESH_MS = 2000

/** What the oracle works with. */
export interface OracleParts {
  readonly ledger: Ledger
  readonly moves: MoveWatch
  readonly nowMs: () => number
  readonly fail: (what: string) => void
}

interface Shown {
  readonly name: string
  readonly pin: Pin
  readonly sinceMs: number
}

/**
 * Looks over the shoulder of every peer: follows what its view shows from one batch to the next, and says when that is
 * something that no order of events explains.
 */
export class Oracle {
  readonly #parts: OracleParts
  /** Per peer: CID → what its view shows. */
  readonly #views = new Map<number, Map<string, Shown>>()

  constructor(parts: OracleParts) {
    this.#parts = parts
  }

  /** Name of the entry that a peer's view shows. */
  shown(peer: number, cid: Cid): string | undefined {
    return this.#views.get(peer)?.get(cidKey(cid))?.name
  }

  /** A peer's store has taken a batch: readers see it from now on. */
  onBatch(peer: number, life: number, writes: readonly StoreWrite[]): void {
    const view = this.#viewOf(peer)
    for (const { key, value } of writes) {
      if (key[0] !== VIEW_RANGE.gte[0] || isMarkName(cidOfViewKey(key))) continue
      const cid = toKey(cidOfViewKey(key))
      const before = view.get(cid)
      const entry = value === undefined ? undefined : decodeViewEntry(value)
      const pin = entry === undefined ? undefined : this.#pinIn(peer, cid, entry)
      const isMoved = before?.pin.allocations.join() !== pin?.allocations.join()
      if (before?.name === pin?.name && !isMoved) continue
      if (before?.name !== pin?.name) this.#checkStep(peer, life, before?.name, pin?.name)
      // Beside another entry it may live on, outweighed.
      if (before !== undefined && before.name !== pin?.name && entry?.isSole !== false)
        this.#parts.moves.noteRemoved(peer, life, before.name)
      if (pin === undefined) view.delete(cid)
      else view.set(cid, { name: pin.name, pin, sinceMs: this.#parts.nowMs() })
    }
  }

  #viewOf(peer: number): Map<string, Shown> {
    const view = this.#views.get(peer) ?? new Map<string, Shown>()
    this.#views.set(peer, view)
    return view
  }

  #pinIn(peer: number, cid: string, entry: ViewEntry): Pin {
    const pin = pinOfEntry(cidFromKey(cid), entry)
    if (!this.isTrue(pin))
      this.#parts.fail(`peer ${peer} shows what nobody wrote: ${pin.cid} = "${pin.name}"`)
    return pin
  }

  /** Whether an entry says what was written under its name, on the peers that it was written or moved to. */
  isTrue(pin: Pin): boolean {
    const { ledger, moves } = this.#parts
    if (ledger.isTrue(pin)) return true
    const written = ledger.byName.get(pin.name)?.pin
    const { allocations } = written ?? { allocations: [] }
    return moves.isMovedTo(pin.name, pin.allocations) && ledger.isTrue({ ...pin, allocations })
  }

  /** The entry that a peer's view shows. */
  shownPin(peer: number, cid: Cid): Pin | undefined {
    return this.#views.get(peer)?.get(cidKey(cid))?.pin
  }

  /** G4: an entry goes only when somebody removed it, and never goes back to what it replaced. */
  #checkStep(peer: number, life: number, before: string | undefined, after: string | undefined): void {
    const { ledger, moves, fail } = this.#parts
    const old = before === undefined ? undefined : ledger.byName.get(before)
    if (old === undefined || before === undefined) return
    if (after === undefined) {
      if (ledger.removalOf(old) === undefined)
        fail(`on peer ${peer} ${before} vanished, though nobody removed it`)
    } else if (
      ledger.ancestors(before).has(after) &&
      !ledger.byName.get(after)?.isRepeated &&
      !moves.mayShow(after, `${peer}:${life}`)
    )
      fail(`on peer ${peer} ${before} went back to ${after}, which it had replaced`)
  }

  /** A write was answered: its author's view must show it, or what came after. */
  onAnswered(write: Write): void {
    const view = this.#viewOf(write.author)
    this.#checkKept(write, view.get(write.cid)?.name, 'after its answer')
  }

  /** G1: a peer is left with what is on its disk. What it answered before must be there, unless a backup took it back. */
  async onRestart(peer: number, store: ByteStore, restoredAt: number): Promise<void> {
    const view = this.#viewOf(peer)
    const before = new Map(view)
    view.clear()
    for await (const pin of pinsIn(store)) {
      const cid = cidKey(pin.cid)
      if (!this.isTrue(pin)) this.#parts.fail(`peer ${peer} comes back with "${pin.name}"`)
      const known = before.get(cid)
      const isKnown = known?.name === pin.name && known.pin.allocations.join() === pin.allocations.join()
      view.set(cid, isKnown ? known : { name: pin.name, pin, sinceMs: this.#parts.nowMs() })
    }
    const last = new Map<string, Write>()
    for (const write of this.#parts.ledger.all()) {
      if (write.author !== peer || write.outcome !== 'acked' || write.isLost || write.isRepeated) continue
      if (write.startedAt < restoredAt) continue
      const known = last.get(write.cid)
      if (known === undefined || write.endedAt > known.endedAt) last.set(write.cid, write)
    }
    for (const write of last.values()) this.#checkKept(write, view.get(write.cid)?.name, 'after a restart')
  }

  #checkKept(write: Write, shown: string | undefined, when: string): void {
    const { ledger, fail } = this.#parts
    const name = write.pin?.name ?? 'a removal'
    if (write.pin !== undefined && shown === undefined && ledger.removalOf(write) === undefined)
      fail(`peer ${write.author} does not have ${name} ${when}`)
    const isGone =
      shown === undefined ||
      ledger.isContested(write) ||
      ledger.byName.get(shown)?.isRepeated === true ||
      this.#parts.moves.mayBeBack(shown)
    if (!isGone && ledger.ancestors(write.saw).has(shown) && shown !== write.pin?.name)
      fail(`peer ${write.author} shows ${shown} ${when}, which ${name} had replaced`)
  }

  /** The tracker lets go of content: only when the pinset has said so a moment ago. */
  onUnpin(peer: number, id: PeerId, cid: Cid, holds: (peer: PeerId, key: string) => boolean): void {
    const { nowMs, fail, moves } = this.#parts
    const shown = this.#views.get(peer)?.get(cidKey(cid))
    if (shown === undefined || nowMs() - shown.sinceMs <= READ_IS_FRESH_MS) return
    if (isAllocatedTo(shown.pin, id))
      fail(`the tracker of peer ${peer} unpins ${cid}, though the pinset has had ${shown.name} for long`)
    moves.onUnpin(peer, id, shown.pin, holds)
  }

  /**
   * A disk is gone, or has lost what was not synced: answered writes whose author can no longer tell of them live on only
   * if another disk has them, or what came after them.
   */
  async onLoss(disks: readonly ByteStore[], isAuthorGone: (write: Write) => boolean): Promise<void> {
    const { ledger } = this.#parts
    const held = new Set<string>()
    for (const disk of disks) {
      for await (const { name } of pinsIn(disk)) for (const each of ledger.ancestors(name)) held.add(each)
    }
    for (const write of ledger.all()) {
      if (write.isLost || write.outcome === 'open' || !isAuthorGone(write)) continue
      if (write.pin === undefined || !held.has(write.pin.name)) write.isLost = true
    }
  }

  /** What every peer must and must not show at the end; `name` is what all of them show. */
  checkEnd(cid: string, name: string | undefined): void {
    const { ledger, moves, fail } = this.#parts
    const text = cidFromKey(cid).toString()
    const writes = ledger.of(cid)
    const kept = writes.find(
      write =>
        write.pin !== undefined &&
        write.outcome === 'acked' &&
        !write.isLost &&
        !write.isRepeated &&
        ledger.removalOf(write) === undefined,
    )
    if (name === undefined && kept !== undefined) fail(`${text}: ${kept.pin?.name} was answered and is gone`)
    if (name === undefined) return
    const replacer = ledger.replacerOf(name, () => true)
    const isBack = moves.mayBeBack(name)
    if (replacer !== undefined && !isBack)
      fail(
        `${text}: ${name} is there, though write ${replacer.id} had ${replacer.pin ? 'replaced' : 'removed'} it`,
      )
  }
}

/** The entries that a store shows. */
export async function* pinsIn(store: ByteStore): AsyncGenerator<Pin> {
  for await (const [key, value] of store.entries(VIEW_RANGE))
    if (!isMarkName(cidOfViewKey(key)))
      yield pinOfEntry(cidFromBytes(cidOfViewKey(key)), decodeViewEntry(value))
}
