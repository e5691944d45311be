import type { PeerId } from '../model/peer.ts'
import type { PeerCondition, PeerHealth } from '../model/peer-health.ts'
import { ArrivalHistory } from './arrival-history.ts'
import { phiOf } from './phi.ts'

/** The most peers of which a heartbeat says that they are missed. */
export const MISSED_MAX = 128
/** However soon a limit is, so many heartbeats must have failed to come. */
const SUSPECT_INTERVALS = 2.5
const UNREACHABLE_INTERVALS = 4
const GONE_INTERVALS = 6
/** Without a majority that misses the peer, too, it takes so much longer. */
const ALONE_FACTOR = 3
/** The most peers that are expected without having been heard. */
export const EXPECTED_MAX = 1024
/** A deviation is never taken for larger than this part of the time to "gone": nobody can wait himself out of reach. */
const DEVIATION_PART = 6

/** The present, twice: wall time for people, awake time for deciding what has run out. */
export interface Now {
  readonly wallMs: number
  readonly awakeMs: number
}

/** When a peer is taken for what. */
export interface DetectorConfig {
  /** From this phi on a peer is suspect. */
  readonly suspectPhi: number
  /** Below this phi no peer is gone. */
  readonly gonePhi: number
  /** Added to the mean: a silence that is no reason for suspicion. */
  readonly acceptablePauseMs: number
  readonly minDeviationMs: number
  /** Silences before which no peer is unreachable, or gone. */
  readonly unreachableAfterMs: number
  readonly goneAfterMs: number
  /** A peer that said that it stops is not gone before that. */
  readonly restartGraceMs: number
  /** How many times between heartbeats are remembered of each peer. */
  readonly samplesMax: number
}

/** What a heartbeat means to the detector. */
export interface LifeSign {
  readonly boot: string
  readonly intervalMs: number
  /** The last one before the peer stops. */
  readonly isLeaving: boolean
  /** Peers that the sender would take for gone by what it hears itself; undefined when it does not say. */
  readonly missed: readonly PeerId[] | undefined
}

/** Who watches, whose opinion counts, and who is told. */
export interface DetectorParts {
  readonly self: PeerId
  readonly isTrusted: (peer: PeerId) => boolean
  readonly onChange: (change: PeerHealth, from: PeerCondition | undefined) => void
}

interface Watched {
  readonly peer: PeerId
  /** Expected, and never heard: it is shown only once it is unreachable. */
  readonly isUnheard: boolean
  boot: string
  intervalMs: number
  history: ArrivalHistory
  /** Since when silence counts, in awake time: the last heartbeat, or the end of an own pause. */
  silentSinceMs: number
  heardAtMs: number
  condition: PeerCondition
  sinceMs: number
  isLeaving: boolean
  /** Whether the time until the next heartbeat says nothing of the peer. */
  isUnmeasured: boolean
  /** Whether this peer alone would take it for gone. */
  isMissed: boolean
  missed: readonly PeerId[] | undefined
}

/**
 * Makes of the times of heartbeats what condition each peer is in. Pure of clocks: every call says what time it is.
 *
 * Three things must come together for *gone*: a phi that says that the silence is strange for this peer, a silence of at
 * least `goneAfterMs` and six intervals, and a majority that finds the same. Everyone's heartbeats say whom the sender
 * misses; the votes are those of the trusted peers that are not gone, self included and the accused not. A vote that cannot
 * be heard is one against: so a peer that is cut off condemns nobody, and one that loses more messages than others does
 * not condemn alone. Without a majority it takes three times as long.
 *
 * A condition gets better only by a heartbeat. The time that it ended does not count among the times between heartbeats:
 * otherwise one outage would hide the next.
 */
export class FailureDetector {
  readonly #parts: DetectorParts
  readonly #config: DetectorConfig
  readonly #watched = new Map<PeerId, Watched>()

  constructor(parts: DetectorParts, config: DetectorConfig) {
    this.#parts = parts
    this.#config = config
  }

  /** Notes a heartbeat. */
  heard(peer: PeerId, sign: LifeSign, now: Now): void {
    const known = this.#watched.get(peer)
    const isFirst = known === undefined || known.isUnheard
    const watched = isFirst ? this.#begin(peer, sign, now) : known
    if (isFirst) this.#watched.set(peer, watched)
    else this.#measure(watched, sign, now)
    watched.silentSinceMs = now.awakeMs
    watched.heardAtMs = now.wallMs
    watched.isLeaving = sign.isLeaving
    watched.isUnmeasured = sign.isLeaving
    watched.isMissed = false
    watched.missed = sign.missed
    const condition = sign.isLeaving ? 'suspect' : 'alive'
    if (isFirst) this.#tell(watched, this.#shownConditionOf(known), now)
    if (condition !== watched.condition) this.#turn(watched, condition, now)
  }

  /**
   * Expects a peer to be there that was never heard: from now on it is given the usual times until it is unreachable and gone.
   * Before that nothing is known of it. False when too many are expected already.
   */
  expect(peer: PeerId, intervalMs: number, now: Now): boolean {
    if (this.#watched.has(peer)) return true
    let unheardCount = 0
    for (const { isUnheard } of this.#watched.values()) if (isUnheard) unheardCount++
    if (unheardCount >= EXPECTED_MAX) return false
    const sign = { boot: '', intervalMs, isLeaving: false, missed: undefined }
    this.#watched.set(peer, { ...this.#begin(peer, sign, now), condition: 'suspect', isUnheard: true })
    return true
  }

  /** After a pause of this process: every silence begins now, and what ends it is not measured. */
  startAfresh(now: Now): void {
    for (const watched of this.#watched.values()) {
      watched.isUnmeasured = true
      if (watched.condition !== 'gone') {
        watched.silentSinceMs = now.awakeMs
        watched.isMissed = false
      }
    }
  }

  /** Looks at every peer. `patience` multiplies all limits. True when a peer is missed that was not before. */
  check(now: Now, patience: number): boolean {
    let hasNews = false
    let votes: Votes | undefined
    for (const watched of this.#watched.values()) {
      const silenceMs = now.awakeMs - watched.silentSinceMs
      if (watched.condition === 'gone' || silenceMs < SUSPECT_INTERVALS * watched.intervalMs) continue
      const phi = this.#phi(watched, silenceMs, patience)
      const { unreachableMs, goneMs } = this.#limits(watched, patience)
      const isMissed = silenceMs >= goneMs && phi >= this.#config.gonePhi
      hasNews ||= isMissed && !watched.isMissed
      watched.isMissed = isMissed
      if (phi < this.#config.suspectPhi) continue
      if (isMissed) votes ??= this.#votes()
      const isGone =
        votes !== undefined &&
        isMissed &&
        (isMajority(votes, watched.peer) || silenceMs >= ALONE_FACTOR * goneMs)
      const condition = isGone ? 'gone' : silenceMs >= unreachableMs ? 'unreachable' : 'suspect'
      if (isWorse(condition, watched.condition)) this.#turn(watched, condition, now)
    }
    return hasNews
  }

  /** Peers to name in the next heartbeat: those not yet gone first. */
  missed(): readonly PeerId[] {
    const missed: Watched[] = []
    for (const watched of this.#watched.values()) if (watched.isMissed) missed.push(watched)
    const order = ({ condition, sinceMs }: Watched) =>
      condition === 'gone' ? -sinceMs : Number.NEGATIVE_INFINITY
    return missed
      .sort((a, b) => (order(a) < order(b) ? -1 : 1))
      .slice(0, MISSED_MAX)
      .map(({ peer }) => peer)
  }

  /** What a peer's condition is; undefined when it was never heard. */
  conditionOf(peer: PeerId): PeerCondition | undefined {
    return this.#shownConditionOf(this.#watched.get(peer))
  }

  #shownConditionOf(watched: Watched | undefined): PeerCondition | undefined {
    return watched === undefined || isHidden(watched) ? undefined : watched.condition
  }

  /** Every peer that was heard, or expected in vain, in no order. */
  health(now: Now, patience: number): readonly PeerHealth[] {
    const shown = [...this.#watched.values()].filter(watched => !isHidden(watched))
    return shown.map(watched => this.#healthOf(watched, now, patience))
  }

  /** Peers that are alive or suspect. */
  present(): readonly PeerId[] {
    const present = [...this.#watched.values()].filter(
      ({ condition, isUnheard }) => isPresent(condition) && !isUnheard,
    )
    return present.map(({ peer }) => peer)
  }

  /** As if the peer had never been heard. */
  forget(peer: PeerId): void {
    this.#watched.delete(peer)
  }

  #begin(peer: PeerId, { boot, intervalMs, isLeaving, missed }: LifeSign, now: Now): Watched {
    return {
      peer,
      isUnheard: false,
      boot,
      intervalMs,
      history: new ArrivalHistory(intervalMs, this.#config.samplesMax),
      silentSinceMs: now.awakeMs,
      heardAtMs: now.wallMs,
      condition: 'alive',
      sinceMs: now.wallMs,
      isLeaving,
      isUnmeasured: false,
      isMissed: false,
      missed,
    }
  }

  #measure(watched: Watched, { boot, intervalMs }: LifeSign, now: Now): void {
    if (watched.boot !== boot || watched.intervalMs !== intervalMs) {
      watched.boot = boot
      watched.intervalMs = intervalMs
      watched.history = new ArrivalHistory(intervalMs, this.#config.samplesMax)
    } else if (watched.condition === 'alive' && !watched.isUnmeasured) {
      watched.history.add(now.awakeMs - watched.silentSinceMs)
    }
  }

  #phi({ history, intervalMs }: Watched, silenceMs: number, patience: number): number {
    const { acceptablePauseMs, minDeviationMs, goneAfterMs } = this.#config
    // Extra heartbeats, as at a greeting, must not make a peer be expected sooner than it promised.
    const meanMs = Math.max(intervalMs, history.meanMs) + acceptablePauseMs * patience
    const mostMs = Math.max(goneAfterMs, GONE_INTERVALS * intervalMs) / DEVIATION_PART
    const deviationMs = Math.max(minDeviationMs, Math.min(history.deviationMs, mostMs))
    return phiOf(silenceMs, meanMs, deviationMs)
  }

  #limits({ intervalMs, isLeaving }: Watched, patience: number) {
    const { unreachableAfterMs, goneAfterMs, restartGraceMs } = this.#config
    const goneMs = Math.max(goneAfterMs, GONE_INTERVALS * intervalMs) * patience
    return {
      unreachableMs: Math.max(unreachableAfterMs, UNREACHABLE_INTERVALS * intervalMs) * patience,
      goneMs: isLeaving ? Math.max(goneMs, restartGraceMs) : goneMs,
    }
  }

  /** Whom the others miss, counted once for all accused. */
  #votes(): Votes {
    const votes: Votes = { voters: new Set(), counts: new Map() }
    for (const { peer, condition, missed, isLeaving } of this.#watched.values()) {
      if (missed === undefined || isLeaving || condition === 'gone' || !this.#parts.isTrusted(peer)) continue
      votes.voters.add(peer)
      if (condition !== 'alive') continue
      for (const accused of new Set(missed)) votes.counts.set(accused, (votes.counts.get(accused) ?? 0) + 1)
    }
    return votes
  }

  #turn(watched: Watched, condition: PeerCondition, now: Now): void {
    const from = watched.condition
    watched.condition = condition
    watched.sinceMs = now.wallMs
    this.#tell(watched, from, now)
  }

  #tell(watched: Watched, from: PeerCondition | undefined, now: Now): void {
    this.#parts.onChange(this.#healthOf(watched, now, 1), from)
  }

  #healthOf(watched: Watched, now: Now, patience: number): PeerHealth {
    const { peer, condition, isUnheard, sinceMs } = watched
    const heardAtMs = isUnheard ? undefined : watched.heardAtMs
    const phi = this.#phi(watched, now.awakeMs - watched.silentSinceMs, patience)
    return { peer, condition, phi, heardAtMs, sinceMs }
  }
}

function isHidden({ isUnheard, condition }: Watched): boolean {
  return isUnheard && isPresent(condition)
}

interface Votes {
  readonly voters: Set<PeerId>
  readonly counts: Map<PeerId, number>
}

/** Whether more than half miss the peer: of all who have a say, self included and it not. */
function isMajority({ voters, counts }: Votes, accused: PeerId): boolean {
  const all = 1 + voters.size - (voters.has(accused) ? 1 : 0)
  return 2 * (1 + (counts.get(accused) ?? 0)) > all
}

const RANK: Readonly<Record<PeerCondition, number>> = { alive: 0, suspect: 1, unreachable: 2, gone: 3 }

function isWorse(a: PeerCondition, b: PeerCondition): boolean {
  return RANK[a] > RANK[b]
}

/** Whether a peer in that condition is still asked for things. */
export function isPresent(condition: PeerCondition): boolean {
  return RANK[condition] < RANK.unreachable
}
