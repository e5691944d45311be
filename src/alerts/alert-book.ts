import type { Alerts, Logger } from '../interfaces.ts'
import type { Clock } from '../lib/clock.ts'
import { Emitter } from '../lib/emitter.ts'
import type { Instruments } from '../lib/instruments.ts'
import { ALERT_KINDS, ALERTS, type AlertKind, type AlertSeverity, type ClusterAlert } from '../model/alert.ts'
import type { Metric } from '../model/metric.ts'
import type { PeerId } from '../model/peer.ts'
import type { ALERT_METRICS } from './metrics.ts'

/** Most alerts that hold at a time: more than two for each peer that the monitor remembers. */
const ACTIVE_MAX = 10_000
/** Most alerts that are listed, and most of those that were cleared that are remembered. */
const LISTED_MAX = 1000

/** What keeping alerts needs. */
export interface AlertBookParts {
  readonly self: PeerId
  readonly clock: Pick<Clock, 'now'>
  readonly logger: Logger
  readonly instruments: Instruments<typeof ALERT_METRICS>
}

/** How an alert differs from what its kind says. */
export interface RaiseOptions {
  readonly severity?: AlertSeverity
  /** The metric that ran out. */
  readonly metric?: Metric | undefined
  /** A kind that this one is the worse form of: an alert of that kind about the subject becomes this one. */
  readonly insteadOf?: AlertKind
}

/** What holds, once for each kind and subject, and the last of what held. */
export class AlertBook implements Omit<Alerts, typeof Symbol.asyncDispose> {
  readonly #parts: AlertBookParts
  readonly #active = new Map<string, ClusterAlert>()
  /** Newest last. */
  readonly #cleared: ClusterAlert[] = []
  readonly #told = new Emitter<ClusterAlert>()

  constructor(parts: AlertBookParts) {
    this.#parts = parts
    parts.instruments.active.observeEach(() => ALERT_KINDS.map(kind => [{ kind }, this.#count(kind)]))
  }

  raise(kind: AlertKind, subject: string, message: string, options: RaiseOptions = {}): void {
    const { self, clock, logger, instruments } = this.#parts
    const key = keyOf(kind, subject)
    const held = this.#active.get(key)
    const { severity = ALERTS[kind].severity, metric, insteadOf } = options
    const milder = insteadOf === undefined ? undefined : this.#active.get(keyOf(insteadOf, subject))
    if (milder !== undefined) this.#active.delete(keyOf(milder.kind, subject))
    if (held !== undefined) {
      this.#active.set(key, { ...held, message, severity })
      return
    }
    if (this.#active.size >= ACTIVE_MAX) {
      instruments.dropped.add(1)
      return
    }
    const peer = ALERTS[kind].about === 'peer' ? subject : self
    const alert: ClusterAlert = {
      kind,
      subject,
      peer,
      severity,
      message,
      metric,
      triggeredAtMs: milder?.triggeredAtMs ?? clock.now(),
      clearedAtMs: undefined,
      ...(milder === undefined ? {} : { was: milder.kind }),
    }
    this.#active.set(key, alert)
    instruments.raised.add(1, { kind })
    const fields = { kind, subject, message }
    const what = milder === undefined ? 'an alert was raised' : 'an alert has become another'
    if (severity === 'critical') logger.error(what, fields)
    else if (severity === 'warning') logger.warn(what, fields)
    else logger.info(what, fields)
    this.#told.emit(alert)
  }

  clear(kind: AlertKind, subject: string): void {
    const { clock, logger } = this.#parts
    const key = keyOf(kind, subject)
    const held = this.#active.get(key)
    if (held === undefined) return
    this.#active.delete(key)
    const alert = { ...held, clearedAtMs: clock.now() }
    this.#cleared.push(alert)
    if (this.#cleared.length > LISTED_MAX) this.#cleared.shift()
    logger.info('an alert was cleared', { kind, subject })
    this.#told.emit(alert)
  }

  list(): readonly ClusterAlert[] {
    const active = [...this.#active.values()].slice(-LISTED_MAX)
    const room = LISTED_MAX - active.length
    const cleared = room === 0 ? [] : this.#cleared.slice(-room)
    return [...cleared, ...active]
      .map((alert, at) => ({ alert, at }))
      .sort((a, b) => b.alert.triggeredAtMs - a.alert.triggeredAtMs || b.at - a.at)
      .map(({ alert }) => alert)
  }

  onAlert(listener: (alert: ClusterAlert) => void): Disposable {
    return this.#told.on(listener)
  }

  /** Subjects of a kind for which it holds. */
  subjects(kind: AlertKind): readonly string[] {
    return [...this.#active.values()].filter(alert => alert.kind === kind).map(({ subject }) => subject)
  }

  #count(kind: AlertKind): number {
    let count = 0
    for (const alert of this.#active.values()) if (alert.kind === kind) count += 1
    return count
  }
}

function keyOf(kind: AlertKind, subject: string): string {
  return `${kind} ${subject}`
}
