import { messageOf, toClusterError } from '../errors.ts'
import type { Consensus, Ipfs, Logger, Options } from '../interfaces.ts'
import type { Clock } from '../lib/clock.ts'
import { mapPages, pagesOf } from '../lib/pages.ts'
import { type Cid, cidFromKey, cidKey } from '../model/cid.ts'
import type { PeerId } from '../model/peer.ts'
import { isAllocatedTo, modeOf, type Pin } from '../model/pin.ts'
import type { PinRange } from '../model/pin-range.ts'
import type { PinInfo, PinStatus, PinStatusFilter } from '../model/pin-status.ts'
import type { PinSummary } from '../model/pin-summary.ts'
import type { PinWhy } from '../model/pin-why.ts'
import { isInRange } from '../model/status-range.ts'
import type { Backlog } from './backlog.ts'
import type { Intake } from './intake.ts'
import { type IpfsGate, isUnavailable } from './ipfs-gate.ts'
import { inOrderOfCids } from './merge-infos.ts'
import { isSettled, OPERATION_STATUSES, SETTLED_STATUSES, statusOfOperation } from './operation.ts'
import type { PinnedView } from './pinned-view.ts'
import { covers, reconcile } from './reconcile.ts'
import { sortedNames } from './sorted-names.ts'
import { type Actual, dependsOnActual, type Facts, lastFailureOf, toPinInfo, type Unasked } from './status.ts'
import type { WorkSet } from './work-set.ts'

/** How old the listing of IPFS's pins may be when statuses are listed. */
const VIEW_MAX_AGE_MS = 1000
/** How long a listing waits for a younger one than there is. */
const VIEW_PATIENCE_MS = 30
/** How old it may be when another peer is told what is held here, and lets go of its own copy for that. */
const HOLDS_MAX_AGE_MS = 60_000

/** What the states of CIDs are read off. */
export interface StatusParts {
  readonly consensus: Pick<Consensus, 'get' | 'pins'>
  readonly ipfs: Pick<Ipfs, 'pinned'>
  readonly self: PeerId
  readonly clock: Clock
  readonly logger: Logger
  readonly work: WorkSet
  readonly backlog: Pick<Backlog, 'get' | 'count' | 'queuedCount'>
  readonly view: PinnedView
  readonly gate: IpfsGate
  readonly intake: Pick<Intake, 'has'>
}

/** Answers every question about the states of CIDs here; changes nothing. */
export class StatusReader {
  readonly #parts: StatusParts

  constructor(parts: StatusParts) {
    this.#parts = parts
  }

  async status(cid: Cid, options: Options): Promise<PinInfo> {
    options.signal.throwIfAborted()
    const desired = await this.#parts.consensus.get(cid)
    const actual = dependsOnActual(this.#factsOf(cid, desired)) ? await this.#ask(cid, options) : undefined
    // Asking takes time: an operation may have come or gone meanwhile.
    return this.infoOf(cid, desired, actual)
  }

  /** The state as it is known without asking. */
  infoOf(cid: Cid, desired: Pin | undefined, actual?: Actual): PinInfo {
    return toPinInfo(this.#factsOf(cid, desired, actual))
  }

  /** In pages, in order; the limit of the range does not count. */
  async *matching(
    filter: PinStatusFilter,
    range: PinRange,
    options: Options,
  ): AsyncGenerator<readonly PinInfo[]> {
    if (filter === undefined || SETTLED_STATUSES.some(status => filter.has(status))) {
      yield* this.#amongAll(filter, range, options)
      return
    }
    const isListed = (info: PinInfo) => isInRange(info.cid, info.pin, range)
    if (!this.#areWaiting(filter)) {
      for await (const info of this.#ongoing(filter, options)) if (isListed(info)) yield [info]
      return
    }
    // Those that wait are found in the pinset only, and operations of CIDs without an entry in the work set only.
    const isGone = (info: PinInfo) => info.pin === undefined && isListed(info)
    const gone = filtered(this.#ongoing(filter, options), isGone)
    yield* inOrderOfCids(this.#amongAll(filter, range, options), gone)
  }

  /** What may be in error or missing, after asking IPFS anew what it has. */
  async *troubled(
    isWanted: (info: PinInfo) => boolean,
    statuses: ReadonlySet<PinStatus>,
    options: Options,
  ): AsyncGenerator<PinInfo> {
    for await (const info of this.#ongoing(statuses, options))
      if (info.pin === undefined && isWanted(info)) yield info
    const failure = await this.#refresh(0, options)
    for await (const info of this.#listed(failure, {}, options)) if (isWanted(info)) yield info
  }

  async summary(options: Options): Promise<PinSummary> {
    const { work } = this.#parts
    const failure = await this.#refresh(VIEW_MAX_AGE_MS, options)
    const settled = new Map<PinStatus, number>()
    let pinsCount = 0
    for await (const page of pagesOf(this.#listed(failure, {}, options))) {
      pinsCount += page.length
      for (const { cid, status } of page) {
        // Operations are counted as they come and go, also those of CIDs that have no entry any more.
        if (isSettled(work.get(cidKey(cid)))) settled.set(status, (settled.get(status) ?? 0) + 1)
      }
    }
    for (const status of OPERATION_STATUSES) {
      const count = work.count(status) + (settled.get(status) ?? 0)
      if (count > 0) settled.set(status, count)
    }
    const { reasons, givenUpCount } = work
    const ipfsFailure = failure?.failure ?? this.#ipfsFailure ?? ''
    return { pinsCount, statuses: settled, reasons: new Map(reasons), givenUpCount, ipfsFailure }
  }

  async why(cid: Cid, options: Options): Promise<PinWhy> {
    options.signal.throwIfAborted()
    const desired = await this.#parts.consensus.get(cid)
    const actual = await this.#ask(cid, options)
    const info = this.infoOf(cid, desired, actual)
    const lastFailure = lastFailureOf(this.#parts.work.get(cidKey(cid)))
    const isWanted = desired !== undefined && reconcile(desired, undefined, this.#parts.self) === 'pin'
    return {
      info,
      wants: isWanted ? modeOf(desired) : 'nothing',
      has: typeof actual === 'object' ? 'unknown' : (actual ?? 'nothing'),
      ipfsFailure: typeof actual === 'object' ? actual.failure : (this.#ipfsFailure ?? ''),
      ...(lastFailure === undefined ? {} : { lastFailure }),
    }
  }

  async holds(cids: readonly Cid[], options: Options): Promise<readonly boolean[]> {
    const { consensus, self, view, work } = this.#parts
    const failure = await this.#refresh(HOLDS_MAX_AGE_MS, options)
    if (failure !== undefined) return cids.map(() => false)
    const pins = await Promise.all(cids.map(cid => consensus.get(cid)))
    return pins.map(pin => {
      if (pin === undefined || !isAllocatedTo(pin, self)) return false
      const isAtRest = work.get(cidKey(pin.cid)) === undefined && this.#waitOf(pin.cid) === undefined
      return isAtRest && covers(view.mode(pin.cid), modeOf(pin))
    })
  }

  /** Whether some of those that match are known to the pinset only. */
  #areWaiting(filter: ReadonlySet<PinStatus>): boolean {
    const { backlog } = this.#parts
    return (
      (filter.has('pin_queued') &&
        backlog.queuedCount + backlog.count('changed') + backlog.count('aside') > 0) ||
      (filter.has('pin_error') && backlog.count('failed') > 0)
    )
  }

  async *#amongAll(
    filter: PinStatusFilter,
    range: PinRange,
    options: Options,
  ): AsyncGenerator<readonly PinInfo[]> {
    const isActualAsked = filter === undefined || filter.has('pinned') || filter.has('unexpectedly_unpinned')
    const failure = isActualAsked ? await this.#refreshSoon(options) : undefined
    for await (const page of pagesOf(this.#listed(failure, range, options))) {
      // What IPFS cannot be asked about may be any of those that were asked for.
      const isUnknown = ({ status }: PinInfo) => status === 'cluster_error' && isActualAsked
      yield filter === undefined ? page : page.filter(info => filter.has(info.status) || isUnknown(info))
    }
  }

  /** Operations that match, in order, also of CIDs that are no longer in the pinset. */
  async *#ongoing(filter: ReadonlySet<PinStatus>, { signal }: Options): AsyncGenerator<PinInfo> {
    const { work, clock, consensus } = this.#parts
    const isMatching = (name: string) => {
      const operation = work.get(name)
      const status = operation === undefined ? undefined : statusOfOperation(operation)
      return status !== undefined && filter.has(status)
    }
    const names = work.names().filter(isMatching)
    for await (const name of sortedNames(names, clock, signal)) {
      signal.throwIfAborted()
      const cid = cidFromKey(name)
      const desired = await consensus.get(cid)
      if (isMatching(name)) yield this.infoOf(cid, desired)
    }
  }

  /** Every entry of the pinset with its state, in order. */
  #listed(failure: Unasked | undefined, range: PinRange, options: Options): AsyncIterable<PinInfo> {
    const { consensus, view } = this.#parts
    // The limit counts what is shown, which the pinset cannot know.
    const { limit: _, ...entries } = range
    return mapPages(consensus.pins(entries, options), page =>
      page.map(pin => this.infoOf(pin.cid, pin, failure ?? view.mode(pin.cid))),
    )
  }

  /** What IPFS says about one CID. */
  async #ask(cid: Cid, options: Options): Promise<Actual> {
    const { ipfs, view } = this.#parts
    const before = view.mode(cid)
    try {
      const mode = await ipfs.pinned(cid, options)
      // What was pinned or unpinned meanwhile is younger than the answer.
      if (view.mode(cid) === before) view.note(cid, mode)
      return mode
    } catch (thrown) {
      options.signal.throwIfAborted()
      const { code, message } = toClusterError(thrown)
      return { failure: message, reason: code }
    }
  }

  /** Brings the view up to date; answers with the reason when that cannot be done. */
  async #refresh(maxAgeMs: number, options: Options): Promise<Unasked | undefined> {
    const { gate, view, logger } = this.#parts
    if (!gate.isOpen) return { failure: gate.reason, reason: 'IPFS_UNAVAILABLE' }
    try {
      await view.refresh(maxAgeMs, options)
      return undefined
    } catch (thrown) {
      options.signal.throwIfAborted()
      const reason = messageOf(thrown)
      if (isUnavailable(thrown)) gate.close(reason)
      else logger.warn('the pins of IPFS cannot be listed', { reason })
      return { failure: reason, reason: toClusterError(thrown).code }
    }
  }

  /**
   * The same for a listing, which is to begin at once: what IPFS takes long to list is shown as of the last listing and what
   * was done since, while a new one is made for the next.
   */
  async #refreshSoon(options: Options): Promise<Unasked | undefined> {
    const refreshed = this.#refresh(VIEW_MAX_AGE_MS, options)
    if (!this.#parts.view.isComplete) return refreshed
    const patience = Promise.withResolvers<undefined>()
    using _limit = this.#parts.clock.schedule(VIEW_PATIENCE_MS, () => patience.resolve(undefined))
    return await Promise.race([refreshed, patience.promise])
  }

  get #ipfsFailure(): string | undefined {
    return this.#parts.gate.isOpen ? undefined : this.#parts.gate.reason
  }

  #waitOf(cid: Cid): Facts['wait'] {
    const { intake, backlog } = this.#parts
    return intake.has(cidKey(cid), cid) ? 'changed' : backlog.get(cid)
  }

  #factsOf(cid: Cid, desired: Pin | undefined, actual?: Actual): Facts {
    const { work, self, clock } = this.#parts
    return {
      cid,
      desired,
      actual,
      operation: work.get(cidKey(cid)),
      wait: this.#waitOf(cid),
      ipfsFailure: this.#ipfsFailure,
      self,
      nowMs: clock.now(),
    }
  }
}

async function* filtered<Item>(
  items: AsyncIterable<Item>,
  isWanted: (item: Item) => boolean,
): AsyncGenerator<Item> {
  for await (const item of items) if (isWanted(item)) yield item
}
