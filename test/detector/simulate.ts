import type { Random } from '../../src/lib/random.ts'
import type { PeerHealth } from '../../src/model/peer-health.ts'
import type { DetectorConfig } from '../../src/monitor/failure-detector.ts'
import { seededRandom } from '../support/seeded-random.ts'
import { Observer, STEP_MS } from './observer.ts'
import { PlainTimeouts } from './plain-timeouts.ts'
import { Tally } from './tally.ts'

/** What is simulated. Times between events are exponential, those of messages uniform. */
export interface Trial {
  readonly seed: number
  readonly peersCount: number
  /** The first so many peers watch all others; the others only send. */
  readonly observersCount: number
  readonly hours: number
  readonly intervalMs: number
  /** Of every message to every observer, each for itself. */
  readonly lossShare: number
  readonly delayMinMs: number
  readonly delayMaxMs: number
  /** Every peer stands still so often on average (its messages wait), and for so long. */
  readonly pauseEveryMs: number
  readonly pauseMs: number
  /** Every observer is suspended so often on average (what is sent to it is lost), from one minute to ten. */
  readonly suspendEveryMs: number
  /** In the whole cluster a peer dies so often on average, and comes back as a new process after `deadMs`. */
  readonly deathEveryMs: number
  readonly deadMs: number
  readonly detector: DetectorConfig
  /** Whether the observers say whom they miss. */
  readonly hasOpinions: boolean
  /** Plain time-outs to compare with, in milliseconds. */
  readonly timeoutsMs: readonly number[]
}

/** A trial as the goal states it: 5 % loss, 300 ms jitter, pauses of 10 s, a heartbeat each second. */
export function trialOf(
  options: Pick<Trial, 'seed' | 'peersCount' | 'observersCount' | 'hours' | 'detector'> & Partial<Trial>,
): Trial {
  return {
    intervalMs: 1000,
    lossShare: 0.05,
    delayMinMs: 20,
    delayMaxMs: 320,
    pauseEveryMs: 3_600_000,
    pauseMs: 10_000,
    suspendEveryMs: 6 * 3_600_000,
    deathEveryMs: 120_000,
    deadMs: 300_000,
    hasOpinions: true,
    timeoutsMs: [],
    ...options,
  }
}

/** A peer as others get to hear it. */
interface Subject {
  readonly id: string
  readonly at: number
  readonly observer: Observer | undefined
  boot: string
  /** Step until which it stands still or is dead. */
  stillUntil: number
  diedAtMs: number | undefined
  /** Suspended or just back: to take it for gone is no mistake. */
  isExcused: boolean
  /** When its last suspension ends. */
  backAtMs: number
}

/** More steps than any message or heartbeat lies ahead. */
const RING = 1024

/** Mistakes so soon after a pause count as due to it. */
const JUST_MS = 5000

/** Nothing else happens to a peer so soon after something: two pauses in a row would be one of twice the length. */
const BREAK_MS = 30_000

/** Runs a trial; the same seed gives the same result. */
export function simulate(trial: Trial): Tally {
  return new Simulation(trial).run()
}

class Simulation {
  readonly #trial: Trial
  readonly #random: Random
  readonly #tally: Tally
  readonly #subjects: Subject[]
  readonly #observers: Observer[]
  readonly #plain: PlainTimeouts
  /** Who sends at which step. */
  readonly #sending: Subject[][] = Array.from({ length: RING }, () => [])
  readonly #later = new Map<number, (() => void)[]>()
  #step = 0

  constructor(trial: Trial) {
    this.#trial = trial
    this.#random = seededRandom(trial.seed)
    this.#tally = new Tally(trial)
    this.#plain = new PlainTimeouts(trial, this.#tally)
    const ids = Array.from({ length: trial.peersCount }, (_, at) => `peer ${String(at).padStart(4, '0')}`)
    this.#observers = ids.slice(0, trial.observersCount).map(
      (self, at) =>
        new Observer({
          self,
          phaseMs: this.#random.next() * 500,
          intervalMs: trial.intervalMs,
          detector: trial.detector,
          onChange: (change, from) => this.#judge(at, change, from),
          onNews: () => this.#send(this.#subject(at)),
        }),
    )
    this.#subjects = ids.map((id, at) => ({
      id,
      at,
      observer: this.#observers[at],
      boot: 'boot 0',
      stillUntil: 0,
      diedAtMs: undefined,
      isExcused: false,
      backAtMs: 0,
    }))
  }

  run(): Tally {
    const { hours, intervalMs, pauseEveryMs, suspendEveryMs, deathEveryMs } = this.#trial
    for (const subject of this.#subjects) {
      this.#sendIn(this.#random.next() * intervalMs, subject)
      this.#often(pauseEveryMs, () => this.#pause(subject))
    }
    for (const at of this.#observers.keys())
      this.#often(suspendEveryMs, () => this.#suspend(this.#subject(at)))
    this.#often(deathEveryMs, () => this.#kill())
    const end = (hours * 3_600_000) / STEP_MS
    while (this.#step < end) this.#oneStep()
    this.#tally.messagesPerObserver = this.#observers.map(({ receivedCount }) => receivedCount)
    return this.#tally
  }

  #oneStep(): void {
    this.#step += 1
    const nowMs = this.#step * STEP_MS
    const due = this.#later.get(this.#step)
    if (due !== undefined) {
      this.#later.delete(this.#step)
      for (const act of due) act()
    }
    const slot = this.#step % RING
    const senders = this.#sending[slot] ?? []
    this.#sending[slot] = []
    for (const subject of senders) this.#beat(subject)
    for (const [at, observer] of this.#observers.entries()) {
      if (this.#step >= this.#subject(at).stillUntil) observer.step(nowMs)
    }
  }

  /** A timer rang: a peer that stands still sends when it goes on. */
  #beat(subject: Subject): void {
    if (subject.stillUntil > this.#step) {
      const steps = subject.stillUntil - this.#step
      if (steps < RING) this.#sendIn(steps * STEP_MS, subject)
      else this.#in(steps, () => this.#sendIn(STEP_MS, subject))
      return
    }
    this.#plain.sends(subject.at)
    this.#send(subject)
    // Timers are somewhat late, as real ones are.
    this.#sendIn(this.#trial.intervalMs + this.#random.next() * 20, subject)
  }

  #send(subject: Subject): void {
    const { lossShare, delayMinMs, delayMaxMs, intervalMs, hasOpinions } = this.#trial
    const nowMs = this.#step * STEP_MS
    const missed = subject.observer?.sends()
    this.#tally.sentCount += 1
    const opinion = hasOpinions ? missed : undefined
    const sign = { boot: subject.boot, intervalMs, isLeaving: false, missed: opinion }
    const message = { peer: subject.id, sign }
    for (let at = 0; at < this.#observers.length; at += 1) {
      if (at === subject.at || this.#random.next() < lossShare) continue
      const arrivesMs = nowMs + delayMinMs + this.#random.next() * (delayMaxMs - delayMinMs)
      const observer = this.#observers[at]
      if (observer === undefined || observer.isDeafAt(nowMs)) continue
      observer.deliver(arrivesMs, message)
      // What comes while the observer stands still waits.
      const stillMs = (this.#subjects[at]?.stillUntil ?? 0) * STEP_MS
      this.#plain.note(at, subject.at, Math.max(arrivesMs, stillMs))
    }
  }

  #pause(subject: Subject): void {
    if (this.#isBusy(subject)) return
    subject.stillUntil = this.#step + this.#trial.pauseMs / STEP_MS
    this.#tally.pausesCount += 1
  }

  #suspend(subject: Subject): void {
    if (this.#isBusy(subject)) return
    const steps = Math.round((60_000 + this.#random.next() * 540_000) / STEP_MS)
    subject.stillUntil = this.#step + steps
    subject.isExcused = true
    subject.backAtMs = subject.stillUntil * STEP_MS
    this.#tally.suspensionsCount += 1
    subject.observer?.deafen(this.#step * STEP_MS, subject.stillUntil * STEP_MS)
    this.#plain.excuse(subject.at)
    // Whoever is back is heard within a few seconds; until then the others are right.
    this.#in(steps + 20_000 / STEP_MS, () => {
      subject.isExcused = false
      this.#plain.restart(subject.at)
    })
  }

  /** Whether something happens to it already, or has just happened. */
  #isBusy({ stillUntil, isExcused }: Subject): boolean {
    return isExcused || stillUntil + BREAK_MS / STEP_MS > this.#step
  }

  #kill(): void {
    const { observersCount, peersCount, deadMs } = this.#trial
    const at = observersCount + Math.floor(this.#random.next() * (peersCount - observersCount))
    const subject = this.#subject(at)
    if (this.#isBusy(subject)) return
    const steps = Math.round(deadMs / STEP_MS)
    subject.stillUntil = this.#step + steps
    subject.diedAtMs = this.#step * STEP_MS
    subject.boot = `boot ${this.#step}`
    this.#tally.deathsCount += 1
    this.#plain.die(at, subject.diedAtMs)
    this.#in(steps, () => {
      subject.diedAtMs = undefined
      subject.isExcused = true
    })
    this.#in(steps + 20_000 / STEP_MS, () => {
      subject.isExcused = false
      this.#plain.restart(at)
    })
  }

  #judge(at: number, { peer, condition }: PeerHealth, from: PeerHealth['condition'] | undefined): void {
    const subject = this.#subject(Number(peer.slice(5)))
    if (from === undefined || subject.isExcused) return
    const observer = this.#subject(at)
    const nowMs = this.#step * STEP_MS
    const { diedAtMs } = subject
    // Nobody notices a death while suspended.
    if (diedAtMs !== undefined && diedAtMs < observer.backAtMs) return
    const isPause = nowMs - subject.stillUntil * STEP_MS < JUST_MS
    this.#tally.note(condition, {
      afterDeathMs: diedAtMs === undefined ? undefined : nowMs - diedAtMs,
      isPause,
      isObserverJustBack: observer.isExcused,
    })
  }

  #subject(at: number): Subject {
    const subject = this.#subjects[at]
    if (subject === undefined) throw new Error(`there is no peer ${at}`)
    return subject
  }

  #sendIn(ms: number, subject: Subject): void {
    const steps = Math.max(1, Math.round(ms / STEP_MS))
    this.#sending[(this.#step + steps) % RING]?.push(subject)
  }

  #in(steps: number, act: () => void): void {
    const at = this.#step + Math.max(1, Math.round(steps))
    const acts = this.#later.get(at)
    if (acts === undefined) this.#later.set(at, [act])
    else acts.push(act)
  }

  #often(meanMs: number, act: () => void): void {
    const waitMs = -Math.log(1 - this.#random.next()) * meanMs
    this.#in(waitMs / STEP_MS, () => {
      act()
      this.#often(meanMs, act)
    })
  }
}
