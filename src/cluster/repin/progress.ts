import type { ClusterError } from '../../errors.ts'
import type { PeerId } from '../../model/peer.ts'
import type { ClusterComponents } from '../components.ts'
import type { Census } from './census.ts'
import type { Leaving, LeavingReason } from './leaving.ts'
import type { Receivers } from './receivers.ts'

/** Between two lines of progress. */
const TELL_EVERY_MS = 60_000

/** What telling needs. */
export type ProgressParts = Pick<ClusterComponents, 'alerts' | 'clock' | 'logger' | 'self'>

/** Tells operators what is moved and what is not: in the log, and by alerts. */
export class Progress {
  readonly #parts: ProgressParts
  readonly #receivers: Receivers
  onMoved: (reason: LeavingReason | 'no_room') => void = () => undefined
  #movedCount = 0
  #stuckCount = 0
  #stuckNow = 0
  #stuckWhy = ''
  #waitingCount = 0
  /** Of those, what this peer has to move in this pass, and has not yet. */
  #leftCount = 0
  #beganMs: number | undefined
  #toldMs = 0

  constructor(parts: ProgressParts, receivers: Receivers) {
    this.#parts = parts
    this.#receivers = receivers
  }

  /** Pins that stayed where they are in the last pass, since too few peers can take them. */
  get stuckCount(): number {
    return this.#stuckCount
  }

  /** Pins that are still to be moved, by anybody. */
  get waitingCount(): number {
    return this.#waitingCount
  }

  /** A partition begins to show, or is over. */
  noteGuard({ guard, heldCount }: Leaving): void {
    const { alerts, self } = this.#parts
    if (guard === undefined || heldCount === 0) return alerts.clear('partition-guard', self)
    const { awayCount, othersCount } = guard
    alerts.raise(
      'partition-guard',
      self,
      `${awayCount} of ${othersCount} other peers are away at once: this looks like a partition of the network, so no content is moved away from them until enough are back. If they are really lost, say so: cluster-ctl peers rm <peer>`,
    )
  }

  begin(reasons: ReadonlyMap<PeerId, LeavingReason>, census: Census): void {
    const { clock, logger } = this.#parts
    this.#waitingCount = census.waitingCount
    this.#stuckNow = 0
    const ours = census.oursByCopies.values().reduce((sum, count) => sum + count, 0)
    this.#leftCount = ours
    if (ours === 0 || this.#beganMs !== undefined) return
    this.#beganMs = clock.monotonic()
    this.#toldMs = this.#beganMs
    this.#movedCount = 0
    logger.info('content moves away from peers that leave', {
      peers: Object.fromEntries(reasons),
      pins: census.waitingCount,
      byThisPeer: ours,
      withoutLiveCopy: census.withoutLiveCopyCount,
    })
  }

  readonly moved = (reason: LeavingReason): void => {
    const { clock, logger } = this.#parts
    this.#movedCount++
    this.#waitingCount = Math.max(0, this.#waitingCount - 1)
    this.#leftCount = Math.max(0, this.#leftCount - 1)
    this.onMoved(reason)
    if (clock.monotonic() - this.#toldMs < TELL_EVERY_MS) return
    this.#toldMs = clock.monotonic()
    logger.info('content is being moved', this.#counts())
  }

  readonly stuck = ({ message }: ClusterError): void => {
    this.#stuckNow++
    this.#stuckWhy = message
  }

  /** A peer is back, or an operator has changed his mind. */
  cancelled(reason: string): void {
    if (this.#beganMs === undefined) return
    this.#parts.logger.info('moving content was cancelled: nothing more is written', {
      ...this.#counts(),
      reason,
    })
    this.#beganMs = undefined
  }

  /** A pass is over. */
  ended(census: Census): void {
    const { alerts, clock, logger, self } = this.#parts
    const isNews = this.#stuckNow !== this.#stuckCount
    this.#stuckCount = this.#stuckNow
    if (census.waitingCount === 0) this.#waitingCount = 0
    if (this.#stuckCount === 0) alerts.clear('under-replicated', self)
    else {
      const message =
        this.#stuckCount === 1
          ? `1 pin stays on peers that leave, since too few others can take it: ${this.#stuckWhy}`
          : `${this.#stuckCount} pins stay on peers that leave, since too few others can take them: ${this.#stuckWhy}`
      alerts.raise('under-replicated', self, message)
    }
    if (this.#beganMs === undefined || (this.#movedCount === 0 && !isNews)) return
    const tookMs = Math.round(clock.monotonic() - this.#beganMs)
    logger.info('this peer has moved its part of what peers that leave keep', {
      ...this.#counts(),
      withoutLiveCopy: census.withoutLiveCopyCount,
      tookMs,
    })
    this.#beganMs = undefined
  }

  /** All of it of this peer: what the others move, they tell. */
  #counts(): {
    readonly moved: number
    readonly stuck: number
    readonly left: number
    readonly inFlight: number
  } {
    return {
      moved: this.#movedCount,
      stuck: this.#stuckNow,
      left: Math.max(0, this.#leftCount - this.#stuckNow),
      inFlight: this.#receivers.count,
    }
  }
}
