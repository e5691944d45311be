import type { Options } from '../interfaces.ts'
import { pagesOf } from '../lib/pages.ts'
import { repeat } from '../lib/repeat.ts'
import { type Cid, cidFromKey, cidKey, formatCid } from '../model/cid.ts'
import { EVERY_REQUEST, isRequestName, parseRequestName } from '../model/pin-request.ts'
import { makeClosest } from './closest.ts'
import type { ClusterComponents } from './components.ts'
import type { ClusterConfig } from './config.ts'
import { REQUESTS } from './request-entry.ts'

/** What looking after requests needs. */
export interface UpkeepComponents
  extends Pick<ClusterComponents, 'clock' | 'consensus' | 'logger' | 'monitor' | 'self'> {
  /** Makes one content fit its requests. */
  readonly check: (
    content: Cid,
    mayRelease: boolean,
    options: Options,
  ) => Promise<'pinned' | 'released' | 'nothing'>
}

/** How long changes gather before they are looked at: most belong together and arrive together. */
const SETTLE_MS = 1000
/** Contents that wait to be looked at. Beyond that all requests are gone through instead. */
const PENDING_MAX = 50_000
/** How long contents wait that could not be looked at: nothing else would ever release them. */
const RETRY_MS = 10_000

/**
 * Looks after the content of requests where two peers changed different requests of it at the same time: of the trusted live
 * peers, the nearest to the content acts. After changes, and from time to time over all requests, since who was responsible
 * may have been away.
 */
export function openUpkeep(
  components: UpkeepComponents,
  config: Pick<ClusterConfig, 'isFollower' | 'stateSyncIntervalMs'>,
): AsyncDisposable {
  const stack = new AsyncDisposableStack()
  if (config.isFollower) return stack
  const upkeep = new Upkeep(components)
  const { clock, consensus, logger } = components
  const onError = (error: unknown) => logger.warn('the content of requests was not looked after', { error })
  stack.use(consensus.onChange(cids => upkeep.note(cids)))
  stack.use(repeat({ clock, everyMs: SETTLE_MS, onError }, signal => upkeep.settle({ signal })))
  stack.use(
    repeat({ clock, everyMs: config.stateSyncIntervalMs, onError, isEager: true }, signal =>
      upkeep.goThroughAll({ signal }),
    ),
  )
  return stack
}

class Upkeep {
  readonly #parts: UpkeepComponents
  /** Names of contents → whether one of its requests changed, so that it may have lost the last. */
  #pending = new Map<string, boolean>()
  /** Those whose turn was in vain, and from when on they are looked at again. */
  #failed = new Map<string, boolean>()
  #retryAtMs = 0
  /** Whether there are requests at all: most clusters have none, and then changes cost nothing. */
  #isUsed = false
  #isAllDue = false

  constructor(parts: UpkeepComponents) {
    this.#parts = parts
  }

  note(cids: readonly Cid[]): void {
    for (const cid of cids) {
      const request = isRequestName(cid.bytes) ? parseRequestName(cid) : undefined
      this.#isUsed ||= request !== undefined
      if (!this.#isUsed) continue
      const name = cidKey(request?.content ?? cid)
      const isFull = this.#pending.size >= PENDING_MAX && !this.#pending.has(name)
      if (isFull) this.#isAllDue = true
      else this.#pending.set(name, request !== undefined || this.#pending.get(name) === true)
    }
  }

  async settle(options: Options): Promise<void> {
    if (this.#isAllDue) await this.goThroughAll(options)
    this.#takeFailed()
    const pending = this.#pending
    if (pending.size === 0) return
    this.#pending = new Map()
    const isOurs = this.#makeIsOurs()
    for (const [name, mayRelease] of pending) {
      const content = cidFromKey(name)
      if (!isOurs(content) || (await this.#check(content, mayRelease, options))) continue
      if (this.#failed.size < PENDING_MAX) this.#failed.set(name, mayRelease)
      this.#retryAtMs = this.#parts.clock.monotonic() + RETRY_MS
    }
  }

  #takeFailed(): void {
    if (this.#failed.size === 0 || this.#parts.clock.monotonic() < this.#retryAtMs) return
    for (const [name, mayRelease] of this.#failed)
      this.#pending.set(name, mayRelease || this.#pending.get(name) === true)
    this.#failed.clear()
  }

  /** Looks for the content of every living request. */
  async goThroughAll(options: Options): Promise<void> {
    const { consensus } = this.#parts
    this.#isAllDue = false
    const isOurs = this.#makeIsOurs()
    for await (const page of pagesOf(consensus.pins({ ...EVERY_REQUEST, types: REQUESTS }, options))) {
      const contents = new Map<string, Cid>()
      for (const { cid } of page) {
        const content = parseRequestName(cid)?.content
        if (content !== undefined) contents.set(cidKey(content), content)
      }
      this.#isUsed ||= contents.size > 0
      const asked = [...contents.values()]
      const pins = await consensus.getMany(asked)
      for (const [at, content] of asked.entries()) {
        if (pins[at] === undefined && isOurs(content)) await this.#check(content, false, options)
      }
    }
  }

  /** False when it could not be done. */
  async #check(content: Cid, mayRelease: boolean, options: Options): Promise<boolean> {
    const { check, logger } = this.#parts
    try {
      const done = await check(content, mayRelease, options)
      if (done !== 'nothing')
        logger.info('the pin of requested content was put right', { cid: formatCid(content), done })
      return true
    } catch (error) {
      options.signal.throwIfAborted()
      logger.warn('the pin of requested content could not be put right', { cid: formatCid(content), error })
      return false
    }
  }

  #makeIsOurs(): (content: Cid) => boolean {
    const { consensus, monitor, self } = this.#parts
    const closest = makeClosest(monitor.peers().filter(peer => peer === self || consensus.isTrusted(peer)))
    return content => closest(content) === self
  }
}
