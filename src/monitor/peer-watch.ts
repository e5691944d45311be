import type { Clock } from '../lib/clock.ts'
import type { PeerId } from '../model/peer.ts'
import type { PeerCondition, PeerHealth } from '../model/peer-health.ts'
import { AwakeTime, LATE_MS } from './awake-time.ts'
import {
  type DetectorConfig,
  type DetectorParts,
  FailureDetector,
  type LifeSign,
  type Now,
} from './failure-detector.ts'
import { OwnHealth } from './own-health.ts'

const TICK_MS_MAX = 1000
const TICK_MS_MIN = 100
/** A tick that is late by so much, or an own heartbeat by so many intervals, is trouble of one's own. */
const BUSY_MS = 500
const LATE_INTERVALS = 2

/** What the watch needs, and whom it tells. */
export interface WatchParts extends Omit<DetectorParts, 'onChange'> {
  readonly clock: Clock
  readonly onChange: (change: PeerHealth, from: PeerCondition | undefined) => void
  /** This process stood still. */
  readonly onPause: (pauseMs: number) => void
  /** A peer is missed that was not before: the sooner others know, the sooner all agree. */
  readonly onMissed: () => void
}

/** How the watch works. */
export interface WatchConfig extends DetectorConfig {
  readonly pingIntervalMs: number
}

/** The failure detector on a clock, with what it must know of its own process: pauses, delays, and what others miss. */
export class PeerWatch implements Disposable {
  readonly #parts: WatchParts
  readonly #config: WatchConfig
  readonly #awake: AwakeTime
  readonly #detector: FailureDetector
  readonly #ownHealth = new OwnHealth()
  readonly #openedAtMs: number
  #hasPaused = false
  #sentAtMs: number | undefined

  constructor(parts: WatchParts, config: WatchConfig) {
    this.#parts = parts
    this.#config = config
    this.#openedAtMs = parts.clock.now()
    this.#detector = new FailureDetector(parts, config)
    this.#awake = new AwakeTime(parts.clock, {
      tickMs: Math.min(TICK_MS_MAX, Math.max(TICK_MS_MIN, config.pingIntervalMs / 2)),
      onPause: pauseMs => {
        this.#hasPaused = true
        parts.onPause(pauseMs)
      },
      onTick: lateMs => this.#tick(lateMs),
    })
  }

  /** Every reading notices a pause, and lets suspicion start afresh after it. */
  now(): Now {
    const now = { awakeMs: this.#awake.now(), wallMs: this.#parts.clock.now() }
    if (this.#hasPaused) {
      this.#hasPaused = false
      this.#detector.startAfresh(now)
      this.#ownHealth.noteTrouble(1, now.awakeMs)
    }
    return now
  }

  /** Notes a heartbeat of another peer. */
  heard(peer: PeerId, sign: LifeSign): void {
    const now = this.now()
    if (sign.missed?.includes(this.#parts.self) === true) this.#ownHealth.noteTrouble(1, now.awakeMs)
    this.#detector.heard(peer, sign, now)
  }

  /** Notes that this peer sends a heartbeat, and answers with whom it misses. */
  sends(): readonly PeerId[] {
    const now = this.now()
    const lateMs = LATE_INTERVALS * this.#config.pingIntervalMs
    if (this.#sentAtMs !== undefined && now.awakeMs > this.#sentAtMs + lateMs) {
      this.#ownHealth.noteTrouble(1, now.awakeMs)
    }
    this.#sentAtMs = now.awakeMs
    this.#detector.check(now, this.#ownHealth.patience(now.awakeMs))
    return this.#detector.missed()
  }

  /** By what limits are multiplied at present. */
  get patience(): number {
    return this.#ownHealth.patience(this.now().awakeMs)
  }

  /** Every peer that was heard or is missed, and self; sorted. */
  health(): readonly PeerHealth[] {
    const now = this.now()
    const { self } = this.#parts
    const own = {
      peer: self,
      condition: 'alive',
      phi: 0,
      heardAtMs: now.wallMs,
      sinceMs: this.#openedAtMs,
    } as const
    return [own, ...this.#detector.health(now, this.#ownHealth.patience(now.awakeMs))].sort((a, b) =>
      a.peer < b.peer ? -1 : 1,
    )
  }

  /** Peers that are alive or suspect, and self; sorted. */
  present(): readonly PeerId[] {
    return [this.#parts.self, ...this.#detector.present()].sort()
  }

  /** What a peer's condition is; undefined when it was never heard. */
  conditionOf(peer: PeerId): PeerCondition | undefined {
    return peer === this.#parts.self ? 'alive' : this.#detector.conditionOf(peer)
  }

  /** Expects a peer that was never heard: silence is counted from now on. False when too many are expected. */
  expect(peer: PeerId): boolean {
    return this.#detector.expect(peer, this.#config.pingIntervalMs, this.now())
  }

  /** As if the peer had never been heard. */
  forget(peer: PeerId): void {
    this.#detector.forget(peer)
  }

  [Symbol.dispose](): void {
    this.#awake[Symbol.dispose]()
  }

  #tick(lateMs: number): void {
    const now = this.now()
    if (lateMs > BUSY_MS && lateMs <= LATE_MS) this.#ownHealth.noteTrouble(1, now.awakeMs)
    if (this.#detector.check(now, this.#ownHealth.patience(now.awakeMs))) this.#parts.onMissed()
  }
}
