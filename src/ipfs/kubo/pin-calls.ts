import { ClusterError } from '../../errors.ts'
import type { Clock } from '../../lib/clock.ts'
import type { Cid } from '../../model/cid.ts'
import type { PinMode } from '../../model/pin.ts'
import { member } from './answer.ts'
import { Gathering } from './gathering.ts'
import type { RpcCall } from './rpc-call.ts'
import type { ShortCalls } from './short-calls.ts'

/** Questions under way before what follows waits a moment for company, and how long that is. */
const QUESTIONS_UNDER_WAY = 2
const QUESTION_PATIENCE_MS = 2

/** How long the node may take, milliseconds without progress; 0 = no limit. */
export interface PinCallLimits {
  readonly requestTimeoutMs: number
  readonly unpinTimeoutMs: number
}

/**
 * Calls on single pins, of which a busy peer makes thousands a second: what comes at about the same time goes in one request.
 * Kubo works such a request off in order, and ends it at the first CID that it refuses; what it did before holds.
 */
export class PinCalls {
  readonly #rpc: ShortCalls
  readonly #limits: PinCallLimits
  readonly #questions: Readonly<Record<PinMode, Gathering<PinMode | undefined>>>
  readonly #unpins: Gathering<boolean>

  constructor(clock: Clock, rpc: ShortCalls, limits: PinCallLimits) {
    this.#rpc = rpc
    this.#limits = limits
    this.#questions = { recursive: this.#asking(clock, 'recursive'), direct: this.#asking(clock, 'direct') }
    this.#unpins = new Gathering({
      clock,
      // Kubo's pin lock has one writer. A pin that follows on an unpin that is given up must not come before it.
      underWayMax: 1,
      patienceMs: 0,
      isBrokenOff: true,
      one: (cid, signal) => this.#unpinOne(cid, signal),
      many: (cids, signal, tell) => this.#unpinMany(cids, signal, text => tell(text, true)),
    })
  }

  /** The mode, if it is pinned in that one. */
  pinned(cid: Cid, mode: PinMode, signal: AbortSignal): Promise<PinMode | undefined> {
    return this.#questions[mode].call(cid, signal)
  }

  /** Done also when it was not pinned; answers with whether it was. */
  unpin(cid: Cid, signal: AbortSignal): Promise<boolean> {
    return this.#unpins.call(cid, signal)
  }

  #asking(clock: Clock, mode: PinMode): Gathering<PinMode | undefined> {
    return new Gathering({
      clock,
      underWayMax: QUESTIONS_UNDER_WAY,
      patienceMs: QUESTION_PATIENCE_MS,
      isBrokenOff: false,
      one: (cid, signal) => this.#askOne(cid, mode, signal),
      many: (cids, signal, tell) => this.#askMany(cids, mode, signal, tell),
    })
  }

  async #askOne(cid: string, mode: PinMode, signal: AbortSignal): Promise<PinMode | undefined> {
    try {
      const pin = await this.#rpc.ask(this.#question([cid], mode, signal))
      return isOfMode(pin, mode) ? mode : undefined
    } catch (thrown) {
      if (says(thrown, 'not pinned')) return undefined
      throw thrown
    }
  }

  async #askMany(
    cids: readonly string[],
    mode: PinMode,
    signal: AbortSignal,
    tell: (cid: string, answer: PinMode | undefined) => void,
  ): Promise<void> {
    const left = new Set(cids)
    try {
      await this.#rpc.readLines(this.#question(cids, mode, signal), (line, touch) => {
        touch()
        const name = String(member(line, 'Cid'))
        if (isOfMode(line, mode) && left.delete(name)) tell(name, mode)
      })
    } catch (thrown) {
      const [next] = left
      // It names the one at which it ended.
      if (next !== undefined && says(thrown, `${next}' is not pinned`)) tell(next, undefined)
      throw thrown
    }
  }

  #question(cids: readonly string[], mode: PinMode, signal: AbortSignal): RpcCall {
    return {
      path: `pin/ls?stream=true&${toArguments(cids)}&type=${mode}`,
      what: `pin/ls of ${toNames(cids)}`,
      signal,
      limitMs: this.#limits.requestTimeoutMs,
    }
  }

  async #unpinOne(cid: string, signal: AbortSignal): Promise<boolean> {
    try {
      await this.#rpc.ask(this.#removal([cid], signal))
      return true
    } catch (thrown) {
      // The second is what the proxy of a cluster says.
      const isGone =
        says(thrown, 'not pinned or pinned indirectly') || says(thrown, 'pin is not part of the pinset')
      if (!isGone) throw thrown
      return false
    }
  }

  async #unpinMany(cids: readonly string[], signal: AbortSignal, tell: (cid: string) => void): Promise<void> {
    const removed = member(await this.#rpc.ask(this.#removal(cids, signal)), 'Pins')
    if (Array.isArray(removed)) for (const name of removed) tell(String(name))
  }

  #removal(cids: readonly string[], signal: AbortSignal): RpcCall {
    const path = `pin/rm?${toArguments(cids)}`
    return { path, what: `pin/rm of ${toNames(cids)}`, signal, limitMs: this.#limits.unpinTimeoutMs }
  }
}

function toArguments(cids: readonly string[]): string {
  return cids.map(cid => `arg=${cid}`).join('&')
}

function toNames([first, ...others]: readonly string[]): string {
  return others.length === 0 ? (first ?? '') : `${first ?? ''} and ${others.length} others`
}

/** Whether a pin that Kubo lists is of the mode that was asked for: the proxy of a cluster lists those of any. */
export function isOfMode(line: unknown, mode: PinMode): boolean {
  const type = member(line, 'Type')
  return type === undefined || type === mode
}

/** Kubo gives all its refusals one code, so that only its text tells this one apart. */
function says(thrown: unknown, ending: string): boolean {
  if (!(thrown instanceof ClusterError) || thrown.code !== 'IPFS_REFUSED') return false
  return String(thrown.details['ipfsMessage']).endsWith(ending)
}
