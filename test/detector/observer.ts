import type { Clock } from '../../src/lib/clock.ts'
import type { DetectorConfig, LifeSign } from '../../src/monitor/failure-detector.ts'
import { PeerWatch, type WatchParts } from '../../src/monitor/peer-watch.ts'

/** Everything happens at a multiple of this. */
export const STEP_MS = 50
/** More steps than anybody stands still who is not suspended. */
const RING = 512
const START_MS = 1_700_000_000_000

/** Who watches, and how. */
export interface ObserverOptions {
  readonly self: string
  /** When its first tick is. */
  readonly phaseMs: number
  readonly intervalMs: number
  readonly detector: DetectorConfig
  readonly onChange: WatchParts['onChange']
  /** It wants to send a heartbeat out of turn. */
  readonly onNews: () => void
}

/** A heartbeat on its way; one object for all who get it. */
export interface Message {
  readonly peer: string
  readonly sign: LifeSign
}

/** A peer with the real watch on a clock of its own, and the messages that are on their way to it. */
export class Observer {
  readonly #watch: PeerWatch
  readonly #inbox: Message[][] = Array.from({ length: RING }, () => [])
  #nowMs = 0
  #lastStep = 0
  #timer: { readonly dueMs: number; readonly task: () => void } | undefined
  #deafMs: readonly [from: number, to: number] = [0, 0]
  #sentMs = 0
  receivedCount = 0

  constructor({ self, phaseMs, intervalMs, detector, onChange, onNews }: ObserverOptions) {
    const clock: Clock = {
      now: () => START_MS + this.#nowMs,
      monotonic: () => this.#nowMs,
      sleep: () => Promise.reject(new Error('nobody sleeps here')),
      schedule: (ms, task) => {
        const timer = { dueMs: this.#nowMs + ms, task }
        this.#timer = timer
        return {
          [Symbol.dispose]: () => {
            if (this.#timer === timer) this.#timer = undefined
          },
        }
      },
    }
    const parts = { self, clock, isTrusted: () => true, onChange, onPause: () => undefined }
    const onMissed = () => {
      if (this.#nowMs - this.#sentMs >= intervalMs / 4) onNews()
    }
    this.#nowMs = phaseMs - 500
    this.#watch = new PeerWatch({ ...parts, onMissed }, { ...detector, pingIntervalMs: intervalMs })
  }

  /** Whether what is sent to it now is lost. */
  isDeafAt(ms: number): boolean {
    return ms >= this.#deafMs[0] && ms < this.#deafMs[1]
  }

  deafen(fromMs: number, toMs: number): void {
    this.#deafMs = [fromMs, toMs]
  }

  deliver(atMs: number, message: Message): void {
    this.#inbox[Math.max(this.#lastStep + 1, Math.ceil(atMs / STEP_MS)) % RING]?.push(message)
  }

  sends(): readonly string[] {
    this.#sentMs = this.#nowMs
    return this.#watch.sends()
  }

  /**
   * Goes on to a time. After a standstill the timers come first, then all messages that waited: as in a real event loop, and
   * the worse order for whoever wakes up.
   */
  step(nowMs: number): void {
    const step = Math.round(nowMs / STEP_MS)
    this.#nowMs = nowMs
    while (this.#timer !== undefined && this.#timer.dueMs <= nowMs) this.#timer.task()
    const from = Math.max(this.#lastStep + 1, step - RING + 1)
    for (let at = from; at <= step; at += 1) {
      const messages = this.#inbox[at % RING]
      if (messages === undefined || messages.length === 0) continue
      this.#inbox[at % RING] = []
      this.receivedCount += messages.length
      for (const { peer, sign } of messages) this.#watch.heard(peer, sign)
    }
    this.#lastStep = step
  }
}
