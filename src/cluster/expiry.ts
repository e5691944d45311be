import { messageOf } from '../errors.ts'
import type { Consensus, Monitor, Options } from '../interfaces.ts'
import { repeat } from '../lib/repeat.ts'
import { type Cid, cidFromKey, cidKey, formatCid } from '../model/cid.ts'
import type { Pin, PinType } from '../model/pin.ts'
import { makeRank } from './closest.ts'
import type { ClusterComponents } from './components.ts'
import { SoonestExpiries } from './soonest-expiries.ts'
import { type EntriesComponents, entriesOf } from './unpin.ts'

/** What removing expired pins needs. */
export interface ExpiryComponents
  extends Pick<ClusterComponents, 'clock' | 'logger' | 'self'>,
    Pick<EntriesComponents, 'ipfs'> {
  readonly consensus: Pick<Consensus, 'get' | 'getMany' | 'isTrusted' | 'onChange' | 'pins' | 'remove'>
  readonly monitor: Pick<Monitor, 'peers'>
}

/** How often the whole pinset is looked through, and how much is remembered of it meanwhile. */
export interface ExpiryConfig {
  readonly passEveryMs: number
  /** How many of the pins that expire soonest are remembered. Default: 50,000, at some 100 bytes each. */
  readonly rememberedMax?: number
}

const REMEMBERED_MAX = 50_000
/** Names of changed entries that are to be looked at; with more, the whole pinset is. */
const CHANGED_MAX = 20_000
const TICK_MS = 1000
const PAGE = 256
/** Times of expiry are stored in whole seconds, rounded down: a second later is never before the time that was asked for. */
const ROUNDING_MS = 1000
/** How long each peer leaves to the one before it, in the order of their distance to the CID. */
const TURN_MS = 4000
const TRY_AGAIN_MS = 30_000
/** Passes that are needed because much changed come no more often than that. */
const PASS_PAUSE_MS = 30_000
/** Passes over a large pinset come more rarely: they take at most one part in so many of the time. */
const PASS_PACE = 50
/** How far ahead is looked, in passes: what expires later is passed over by the bytes of its record. */
const HORIZON_PASSES = 3
const TYPES: ReadonlySet<PinType> = new Set(['pin', 'meta-pin'])

/**
 * Takes pins out of the pinset within seconds after they have expired. The pins that expire soonest are remembered; they
 * are found by a pass over the pinset, at the start, every `passEveryMs` and when what is remembered runs low, and by
 * what changes meanwhile. Of the trusted live peers the nearest to the CID acts; every other one does when all before it
 * had their turn and the pin is still there. What is remembered only says when to look: what counts is the entry as it
 * is then, and the wall clock, however it was set.
 */
export function openExpiry(components: ExpiryComponents, config: ExpiryConfig): AsyncDisposable {
  return new Expiry(components, config)
}

class Expiry implements AsyncDisposable {
  readonly #parts: ExpiryComponents
  readonly #config: ExpiryConfig
  readonly #owned = new AsyncDisposableStack()
  #soonest: SoonestExpiries
  /** What a pass under way has found so far. */
  #found: SoonestExpiries | undefined
  readonly #changed = new Set<string>()
  #isPassDue = true
  #passedAtMs = Number.NEGATIVE_INFINITY
  #passEveryMs: number

  constructor(parts: ExpiryComponents, config: ExpiryConfig) {
    this.#parts = parts
    this.#config = config
    this.#passEveryMs = config.passEveryMs
    this.#soonest = this.#newSoonest()
    const { clock, consensus, logger } = parts
    const onError = (thrown: unknown) =>
      logger.warn('expired pins could not be looked for', { reason: messageOf(thrown) })
    this.#owned.use(consensus.onChange(cids => this.#note(cids)))
    const passing = { clock, everyMs: TICK_MS, onError, isEager: true }
    this.#owned.use(repeat(passing, signal => this.#passIfDue({ signal })))
    this.#owned.use(repeat({ clock, everyMs: TICK_MS, onError }, signal => this.#tick({ signal })))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#owned.disposeAsync()
  }

  #newSoonest(): SoonestExpiries {
    const { rememberedMax = REMEMBERED_MAX } = this.#config
    return new SoonestExpiries(rememberedMax, this.#parts.clock.now() + HORIZON_PASSES * this.#passEveryMs)
  }

  #note(cids: readonly Cid[]): void {
    for (const cid of cids) this.#changed.add(cidKey(cid))
    if (this.#changed.size <= CHANGED_MAX) return
    this.#changed.clear()
    this.#isPassDue = true
  }

  async #passIfDue(options: Options): Promise<void> {
    const { clock } = this.#parts
    const sinceMs = clock.monotonic() - this.#passedAtMs
    const { horizonMs, isCut, size } = this.#soonest
    const max = this.#config.rememberedMax ?? REMEMBERED_MAX
    const isRunningLow = horizonMs <= clock.now() || (isCut && size < max / 10)
    const isWanted = (this.#isPassDue && sinceMs >= PASS_PAUSE_MS) || sinceMs >= this.#passEveryMs
    if (!isRunningLow && !isWanted) return
    this.#isPassDue = false
    this.#found = this.#newSoonest()
    const beganMs = clock.monotonic()
    try {
      await this.#pass(this.#found, options)
      this.#soonest = this.#found
    } catch (thrown) {
      this.#isPassDue = true
      throw thrown
    } finally {
      this.#passedAtMs = clock.monotonic()
      const paceMs = PASS_PACE * (this.#passedAtMs - beganMs)
      this.#passEveryMs = Math.max(this.#config.passEveryMs, paceMs)
      this.#found = undefined
    }
  }

  /** What has expired already is seen to on the way, so that any number of pins may expire at one time. */
  async #pass(found: SoonestExpiries, options: Options): Promise<void> {
    const { clock, consensus } = this.#parts
    let due: Cid[] = []
    const range = { types: TYPES, expiresBeforeMs: found.horizonMs }
    for await (const pin of consensus.pins(range, options)) {
      const dueAtMs = dueAtOf(pin)
      if (dueAtMs === undefined) continue
      if (dueAtMs > clock.now()) found.add(dueAtMs, cidKey(pin.cid))
      else due.push(pin.cid)
      if (due.length < PAGE) continue
      await this.#seeTo(due, options)
      due = []
    }
    await this.#seeTo(due, options)
  }

  async #tick(options: Options): Promise<void> {
    const { clock } = this.#parts
    while (this.#changed.size > 0) {
      const keys = [...this.#changed.values().take(PAGE)]
      for (const key of keys) this.#changed.delete(key)
      await this.#lookAt(keys.map(cidFromKey))
    }
    for (;;) {
      const keys = new Set(this.#soonest.takeDue(clock.now(), PAGE))
      if (keys.size === 0) return
      await this.#seeTo([...keys].map(cidFromKey), options)
    }
  }

  async #lookAt(cids: readonly Cid[]): Promise<void> {
    for (const pin of await this.#parts.consensus.getMany(cids)) {
      const dueAtMs = pin === undefined ? undefined : dueAtOf(pin)
      if (pin !== undefined && dueAtMs !== undefined) this.#remember(dueAtMs, pin.cid)
    }
  }

  #remember(atMs: number, cid: Cid): void {
    const key = cidKey(cid)
    this.#soonest.add(atMs, key)
    this.#found?.add(atMs, key)
  }

  /** Unpins those of the given that have expired and fall to this peer, by the entries as they are now. */
  async #seeTo(cids: readonly Cid[], options: Options): Promise<void> {
    if (cids.length === 0) return
    const expired = await this.#expiredHere(cids)
    const [plain, sharded] = [expired.filter(isPlain), expired.filter(pin => !isPlain(pin))]
    // Nothing comes between the reading of an entry and its removal: somebody may be extending it.
    if (plain.length > 0)
      await this.#remove(
        plain,
        plain.map(({ cid }) => cid),
        options,
      )
    for (const pin of sharded) {
      const entries = await this.#entriesOf(pin, options)
      if (entries !== undefined && (await this.#expiredHere([pin.cid])).length > 0)
        await this.#remove([pin], entries, options)
    }
  }

  /** Those that have expired and fall to this peer; for the others whose turn is not over it is remembered when to look. */
  async #expiredHere(cids: readonly Cid[]): Promise<readonly Pin[]> {
    const { clock, consensus, monitor, self } = this.#parts
    const rank = makeRank(
      monitor.peers().filter(peer => peer === self || consensus.isTrusted(peer)),
      self,
    )
    const pins = await consensus.getMany(cids)
    const nowMs = clock.now()
    return pins.flatMap(pin => {
      const dueAtMs = pin === undefined ? undefined : dueAtOf(pin)
      if (pin === undefined || dueAtMs === undefined) return []
      const turnAtMs = dueAtMs <= nowMs ? dueAtMs + rank(pin.cid) * TURN_MS : dueAtMs
      if (turnAtMs <= nowMs) return [pin]
      this.#remember(turnAtMs, pin.cid)
      return []
    })
  }

  async #remove(pins: readonly Pin[], entries: readonly Cid[], options: Options): Promise<void> {
    const { clock, consensus, logger } = this.#parts
    try {
      await consensus.remove(entries, options)
      logger.info('expired pins were unpinned', { pins: pins.length })
    } catch (thrown) {
      options.signal.throwIfAborted()
      logger.warn('expired pins could not be unpinned', { pins: pins.length, reason: messageOf(thrown) })
      for (const { cid } of pins) this.#remember(clock.now() + TRY_AGAIN_MS, cid)
    }
  }

  /** All entries that go with a sharded pin; undefined when its cluster DAG cannot be read, so that it is left for later. */
  async #entriesOf(pin: Pin, options: Options): Promise<readonly Cid[] | undefined> {
    const { clock, logger } = this.#parts
    try {
      return await entriesOf(this.#parts, pin, options)
    } catch (thrown) {
      options.signal.throwIfAborted()
      const fields = { cid: formatCid(pin.cid), reason: messageOf(thrown) }
      logger.warn('an expired pin could not be unpinned', fields)
      this.#remember(clock.now() + TRY_AGAIN_MS, pin.cid)
      return undefined
    }
  }
}

function isPlain({ type }: Pin): boolean {
  return type === 'pin'
}

/** When a pin may be taken out; undefined when it stays. */
function dueAtOf(pin: Pin): number | undefined {
  if (pin.expireAtMs === undefined || !TYPES.has(pin.type)) return undefined
  return pin.expireAtMs + ROUNDING_MS
}
