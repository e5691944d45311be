import assert from 'node:assert/strict'
import { type Clock, systemClock } from '../../src/lib/clock.ts'
import { repeat } from '../../src/lib/repeat.ts'
import type { KuboDouble, KuboDoubleOptions } from './kubo-double.ts'

/** Long enough that whoever does not wait for the new copy is caught. */
const FETCH_MS = 100
const POLL_MS = 20

/** A peer whose content is lost with it. */
export interface WatchedPeer {
  readonly kubo: KuboDouble
}

/**
 * Looks at what the IPFS nodes of peers really have pinned: all the time, and in the moment in which a pin is taken away.
 * Content can be fetched only from a peer that runs and has it, so that what is lost stays lost.
 */
export class WatchedCopies implements AsyncDisposable {
  readonly #clock: Clock = systemClock
  readonly #isLive = new Set<number>()
  readonly #hadCopy = new Set<string>()
  readonly #unwatched = new Set<string>()
  readonly #flaws: string[] = []
  readonly #stopped = new AbortController()
  #peers: readonly WatchedPeer[] = []
  #polling: AsyncDisposable | undefined
  #removals = 0
  readonly #copiesMin: number

  constructor(copiesMin: number) {
    this.#copiesMin = copiesMin
  }

  /**
   * What went wrong: pins without any copy on a peer that runs, though no peer with a copy was killed; and pins that were
   * taken away while fewer nodes than are asked for, of dead peers included, had a copy beside that.
   */
  get flaws(): readonly string[] {
    return this.#flaws
  }

  /** How many pins were taken away from a node, of those that are watched. */
  get removals(): number {
    return this.#removals
  }

  /** For the node of the peer with this number, before there are any peers. */
  optionsFor(at: number): KuboDoubleOptions {
    return {
      fetched: cid => this.#fetched(cid, at),
      onRemove: cid => {
        if (this.#polling === undefined || this.#unwatched.has(cid)) return
        this.#removals++
        if (this.#copies(cid, at) === 0) this.#flaws.push(`peer${at} let go of the last live copy of ${cid}`)
        const others = this.#peers.filter((peer, other) => other !== at && peer.kubo.pins.has(cid)).length
        if (others < this.#copiesMin) this.#flaws.push(`peer${at} let go of ${cid} beside ${others} copies`)
      },
    }
  }

  /** From now on each of these has to keep a copy, and each peer is taken to run. */
  watch(peers: readonly WatchedPeer[], cids: readonly string[]): void {
    this.#peers = peers
    for (const at of peers.keys()) this.#isLive.add(at)
    const onError = (error: unknown) => assert.fail(String(error))
    this.#look(cids)
    this.#polling = repeat({ clock: this.#clock, everyMs: POLL_MS, onError }, async () => this.#look(cids))
  }

  /** A user does not want it any more, or changes it. */
  unwatch(cid: string): void {
    this.#unwatched.add(cid)
  }

  /** Says that a peer does not run any more. What only it had cannot be counted as lost by others. */
  died(at: number): void {
    this.#isLive.delete(at)
    for (const cid of this.#hadCopy) if (this.#copies(cid) === 0) this.#hadCopy.delete(cid)
  }

  /** Says that it runs again. */
  returned(at: number): void {
    this.#isLive.add(at)
  }

  #copies(cid: string, except?: number): number {
    let count = 0
    for (const at of this.#isLive) if (at !== except && this.#peers[at]?.kubo.pins.has(cid) === true) count++
    return count
  }

  #look(cids: readonly string[]): void {
    for (const cid of cids) {
      if (this.#copies(cid) > 0) this.#hadCopy.add(cid)
      else if (this.#hadCopy.delete(cid) && !this.#unwatched.has(cid))
        this.#flaws.push(`${cid} has no live copy any more`)
    }
  }

  async #fetched(cid: string, at: number): Promise<void> {
    const { signal } = this.#stopped
    const isThere = () => this.#polling === undefined || this.#copies(cid, at) > 0
    if (this.#polling === undefined) return
    do await this.#clock.sleep(FETCH_MS, signal)
    while (!signal.aborted && !isThere())
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped.abort(new Error('the watch is over'))
    await this.#polling?.[Symbol.asyncDispose]()
  }
}
