import { ClusterError } from '../../errors.ts'
import type { Clock } from '../../lib/clock.ts'
import { type Cid, formatCid } from '../../model/cid.ts'

/** What goes in one request at most: proxies before a node refuse long paths. */
const MANY_MAX = 64
const MANY_CHARACTERS_MAX = 4096

/** How calls on single CIDs become requests. */
export interface GatheringParts<Answer> {
  readonly clock: Clock
  /** While so many requests are under way, what comes is gathered. */
  readonly underWayMax: number
  /** How long a call is held back for that, milliseconds; 0 = until a request has ended. */
  readonly patienceMs: number
  /** Whether a request is broken off, and sent again for the others, when one of its calls is given up. */
  readonly isBrokenOff: boolean
  readonly one: (cid: string, signal: AbortSignal) => Promise<Answer>
  /** Asks about some, and calls `tell` with each answer as it comes. All CIDs are texts. */
  readonly many: (
    cids: readonly string[],
    signal: AbortSignal,
    tell: (cid: string, answer: Answer) => void,
  ) => Promise<void>
}

interface Call<Answer> {
  readonly text: string
  readonly signal: AbortSignal
  readonly resolve: (answer: Answer) => void
  readonly reject: (thrown: unknown) => void
  /** Told when the caller gives up after the request was sent. */
  onLeave?: () => void
  isAlone: boolean
  isOver: boolean
}

/**
 * Makes one request of calls that come at about the same time, since the way of a request costs far more than its content.
 * A call alone goes at once and by itself. What a request for many has no answer to, because the node refused one of them
 * or looks at the first only, is asked for one by one; every other failure is that of all.
 */
export class Gathering<Answer> {
  readonly #parts: GatheringParts<Answer>
  #waiting: Call<Answer>[] = []
  #underWay = 0
  #isArmed = false
  #isPatient = false
  /** The node answered for the first one only, as the proxy of a cluster does. */
  #isFirstOnly = false

  constructor(parts: GatheringParts<Answer>) {
    this.#parts = parts
  }

  /** The answer on one CID; an aborted signal ends the waiting with its reason. */
  async call(cid: Cid, signal: AbortSignal): Promise<Answer> {
    signal.throwIfAborted()
    const { promise, resolve, reject } = Promise.withResolvers<Answer>()
    const text = formatCid(cid)
    const call: Call<Answer> = { text, signal, resolve, reject, isAlone: false, isOver: false }
    const onAbort = () => {
      call.isOver = true
      reject(signal.reason)
      call.onLeave?.()
    }
    signal.addEventListener('abort', onAbort, { once: true })
    this.#waiting.push(call)
    this.#arm()
    try {
      return await promise
    } finally {
      call.isOver = true
      signal.removeEventListener('abort', onAbort)
    }
  }

  /** Sends what comes within this turn of the event loop together. */
  #arm(): void {
    if (this.#isArmed) return
    this.#isArmed = true
    setImmediate(() => {
      this.#isArmed = false
      this.#flush(false)
    })
  }

  #flush(isOverdue: boolean): void {
    const { underWayMax, patienceMs, clock } = this.#parts
    let isForced = isOverdue
    while (this.#waiting.length > 0 && (isForced || this.#underWay < underWayMax)) {
      isForced = false
      const calls = this.#take()
      if (calls.length > 0) void this.#send(calls)
    }
    if (this.#waiting.length === 0 || patienceMs === 0) return
    if (this.#isPatient) return
    this.#isPatient = true
    clock.schedule(patienceMs, () => {
      this.#isPatient = false
      this.#flush(true)
    })
  }

  /** What goes into the next request, without what was given up meanwhile. */
  #take(): readonly Call<Answer>[] {
    const taken: Call<Answer>[] = []
    let characters = 0
    let at = 0
    for (; at < this.#waiting.length && taken.length < MANY_MAX; at++) {
      const call = this.#waiting[at]
      if (call === undefined || call.isOver) continue
      characters += call.text.length
      const isAlone = call.isAlone || this.#isFirstOnly
      if (taken.length > 0 && (isAlone || characters > MANY_CHARACTERS_MAX)) break
      taken.push(call)
      if (isAlone) {
        at++
        break
      }
    }
    this.#waiting = this.#waiting.slice(at)
    return taken
  }

  /** Never rejects: a failure is told to the calls. */
  async #send(calls: readonly Call<Answer>[]): Promise<void> {
    this.#underWay++
    const [only] = calls
    if (calls.length === 1 && only !== undefined) await this.#sendOne(only)
    else await this.#sendMany(calls)
    this.#underWay--
    this.#flush(false)
  }

  async #sendOne({ text, signal, resolve, reject }: Call<Answer>): Promise<void> {
    try {
      resolve(await this.#parts.one(text, signal))
    } catch (thrown) {
      reject(thrown)
    }
  }

  async #sendMany(calls: readonly Call<Answer>[]): Promise<void> {
    const { many, isBrokenOff } = this.#parts
    const byText = Map.groupBy(calls, ({ text }) => text)
    const stop = new AbortController()
    for (const call of calls) {
      call.onLeave = () => {
        if (isBrokenOff || calls.every(({ isOver }) => isOver))
          stop.abort(new DOMException('nobody waits for the answer', 'AbortError'))
      }
    }
    const answer = (text: string, value: Answer) => {
      for (const call of byText.get(text) ?? []) {
        call.isOver = true
        call.resolve(value)
      }
    }
    try {
      await many([...byText.keys()], stop.signal, answer)
      this.#isFirstOnly ||= calls.some(({ isOver }) => !isOver)
      this.#askAlone(calls)
    } catch (thrown) {
      if (stop.signal.aborted || isRefusal(thrown)) this.#askAlone(calls)
      else for (const { reject } of calls) reject(thrown)
    }
  }

  /** Those that are not answered go one by one. */
  #askAlone(calls: readonly Call<Answer>[]): void {
    const left = calls.filter(({ isOver }) => !isOver)
    for (const call of left) {
      delete call.onLeave
      call.isAlone = true
    }
    // Where nothing is held back for long, nothing else waits for these.
    if (this.#parts.patienceMs > 0) for (const call of left) void this.#send([call])
    else this.#waiting = [...left, ...this.#waiting]
  }
}

function isRefusal(thrown: unknown): boolean {
  return thrown instanceof ClusterError && (thrown.code === 'IPFS_REFUSED' || thrown.code === 'IPFS_FULL')
}
