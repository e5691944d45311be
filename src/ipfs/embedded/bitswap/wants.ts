import type { Clock } from '../../../lib/clock.ts'
import type { Cid } from '../../../model/cid.ts'
import { type BlockKey, blockKey } from '../block-key.ts'
import type { PeerLink } from './peer-link.ts'

/** What asking needs of its node. */
export interface WantsComponents {
  readonly clock: Clock
  /** Nobody connected has answered for the block for a while: others may be looked for until the signal is aborted. */
  readonly onUnanswered: (cid: Cid, signal: AbortSignal) => void
}

interface Waiter {
  readonly resolve: (bytes: Uint8Array) => void
}

interface Want {
  readonly cid: Cid
  readonly waiters: Set<Waiter>
  /** Who was asked, for what. */
  readonly asked: Map<PeerLink, 'block' | 'have' | 'refused'>
  readonly found: AbortController
  timer: Disposable | undefined
}

const WIDEN_AFTER_MS = 1000
const ASK_AGAIN_MS = 10_000
const SCORE_SHARE = 0.1

/**
 * Who is asked for which block. First the one peer that was most useful lately; when it does not have the block, or not soon,
 * all are asked whether they have it, and the first that does for the block. So a block mostly comes once, not from each peer.
 */
export class Wants {
  readonly #clock: Clock
  readonly #onUnanswered: WantsComponents['onUnanswered']
  readonly #wants = new Map<BlockKey, Want>()
  readonly #links = new Set<PeerLink>()

  constructor({ clock, onUnanswered }: WantsComponents) {
    this.#clock = clock
    this.#onUnanswered = onUnanswered
  }

  /** The block's bytes, verified, as soon as a peer has sent them. */
  async fetch(cid: Cid, signal: AbortSignal): Promise<Uint8Array> {
    signal.throwIfAborted()
    const key = blockKey(cid)
    const want = this.#wants.get(key) ?? this.#begin(key, cid)
    return await new Promise((resolve, reject) => {
      const onAbort = () => {
        want.waiters.delete(waiter)
        if (want.waiters.size === 0) this.#end(key, want, undefined)
        reject(signal.reason)
      }
      const waiter: Waiter = {
        resolve: bytes => {
          signal.removeEventListener('abort', onAbort)
          resolve(bytes)
        },
      }
      want.waiters.add(waiter)
      signal.addEventListener('abort', onAbort, { once: true })
    })
  }

  /** A peer can be asked from now on. */
  join(link: PeerLink): void {
    this.#links.add(link)
    for (const want of this.#wants.values()) this.#ask(want, link, 'have')
  }

  /** A peer is gone. */
  leave(link: PeerLink): void {
    this.#links.delete(link)
    for (const want of this.#wants.values()) {
      const state = want.asked.get(link)
      want.asked.delete(link)
      if (state === 'block') this.#widen(want)
    }
  }

  /** A peer sent a block, which hashes to the CID. */
  received(cid: Cid, bytes: Uint8Array, from: PeerLink): void {
    const key = blockKey(cid)
    const want = this.#wants.get(key)
    if (want === undefined) return
    from.score += (1 - from.score) * SCORE_SHARE
    this.#end(key, want, from)
    for (const waiter of want.waiters) waiter.resolve(bytes)
  }

  /** A peer said whether it has a block. */
  said(cid: Cid, isHad: boolean, from: PeerLink): void {
    const want = this.#wants.get(blockKey(cid))
    if (want === undefined) return
    const state = want.asked.get(from)
    if (isHad) {
      const isComing = [...want.asked.values()].includes('block')
      if (state !== 'block' && !isComing) this.#ask(want, from, 'block')
      return
    }
    if (state === 'block') {
      from.asked--
      from.score -= from.score * SCORE_SHARE
    }
    want.asked.set(from, 'refused')
    if (state === 'block') this.#widen(want)
  }

  /** Forgets all; nobody must wait any more. */
  close(): void {
    for (const [key, want] of this.#wants) this.#end(key, want, undefined)
  }

  #begin(key: BlockKey, cid: Cid): Want {
    const want: Want = {
      cid,
      waiters: new Set(),
      asked: new Map(),
      found: new AbortController(),
      timer: undefined,
    }
    this.#wants.set(key, want)
    const best = this.#best()
    if (best !== undefined) this.#ask(want, best, 'block')
    want.timer = this.#clock.schedule(WIDEN_AFTER_MS, () => {
      // Whoever was asked first is late: the block is asked of the next that has it, too.
      for (const [link, state] of want.asked) {
        if (state !== 'block') continue
        link.asked--
        want.asked.set(link, 'have')
      }
      this.#widen(want)
      this.#onUnanswered(cid, want.found.signal)
      this.#askAgain(want)
    })
    return want
  }

  #end(key: BlockKey, want: Want, from: PeerLink | undefined): void {
    this.#wants.delete(key)
    want.timer?.[Symbol.dispose]()
    want.found.abort(new DOMException('the block is here or wanted no more', 'AbortError'))
    for (const [link, state] of want.asked) {
      if (state === 'block') link.asked--
      if (link !== from) link.want(want.cid, undefined)
    }
  }

  /** The most useful peer that is not busy with much more than others. */
  #best(): PeerLink | undefined {
    let best: PeerLink | undefined
    for (const link of this.#links) if (best === undefined || merit(link) > merit(best)) best = link
    return best
  }

  #widen(want: Want): void {
    for (const link of this.#links) if (!want.asked.has(link)) this.#ask(want, link, 'have')
  }

  /** Messages may be lost with a stream, and peers may get the block without a word: all is asked anew from time to time. */
  #askAgain(want: Want): void {
    want.timer = this.#clock.schedule(ASK_AGAIN_MS, () => {
      for (const [link, state] of want.asked) if (state === 'block') link.asked--
      want.asked.clear()
      this.#widen(want)
      this.#askAgain(want)
    })
  }

  #ask(want: Want, link: PeerLink, kind: 'block' | 'have'): void {
    want.asked.set(link, kind)
    if (kind === 'block') link.asked++
    link.want(want.cid, kind)
  }
}

function merit(link: PeerLink): number {
  return link.score / (1 + link.asked / 32)
}
