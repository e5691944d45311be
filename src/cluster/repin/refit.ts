import { ClusterError, messageOf } from '../../errors.ts'
import type { Options } from '../../interfaces.ts'
import { LatestMap } from '../../lib/latest-map.ts'
import { repeat } from '../../lib/repeat.ts'
import type { TokenBucket } from '../../lib/token-bucket.ts'
import { type Cid, cidKey, formatCid } from '../../model/cid.ts'
import type { PeerId } from '../../model/peer.ts'
import { isEverywhere, type Pin } from '../../model/pin.ts'
import { peerChooser } from '../choose-peers.ts'
import type { ClusterComponents } from '../components.ts'
import type { ClusterConfig } from '../config.ts'
import { type AskNoRoom, type Claim, Claims } from './claims.ts'
import type { Receivers } from './receivers.ts'
import { tryToChoose } from './try-to-choose.ts'
import type { Unfit } from './unfit.ts'
import { choiceWithout } from './without-room.ts'

type RankOf = (cid: Cid) => number

/** What moving what does not fit needs. */
export interface RefitParts
  extends Pick<
    ClusterComponents,
    'alerts' | 'allocate' | 'clock' | 'consensus' | 'logger' | 'marks' | 'monitor' | 'self'
  > {
  readonly askNoRoom: AskNoRoom
  readonly receivers: Receivers
  readonly budget: TokenBucket
  readonly unfit: Unfit
  /** Whether a peer may keep anything, as far as that is known. */
  readonly isMember: (peer: PeerId) => boolean
  /** Why nothing may be moved at present: a partition, a disk that takes no writes. */
  readonly isHeldUp: () => boolean
  /** How many peers that could move a CID are nearer to it than this one, at present; infinite when this one may not. */
  readonly ranking: () => RankOf
  readonly onMoved: () => void
}

const LOOK_EVERY_MS = 5000
/** The start is left alone: who lives has to be heard first. */
const FIRST_LOOK_MS = 30_000
/** What the nearest peer has done nothing about for this time, the next nearest takes over, and so on. */
const TAKE_OVER_MS = 120_000
const RANK_MAX = 3
/** Content that was moved so often of late may be larger than what anybody has left, and each try fills a disk. */
const MOVES_MAX = 3
/** Placed in one look, and written together. */
const A_LOOK_MAX = 200
const BATCH_MAX = 100
const EXAMPLES_MAX = 3
const MOVED_MAX = 10_000

/**
 * Places elsewhere what finds no room on the peer that it is allocated to: that peer alone is replaced, by the same engine and
 * within the same limits as when a peer leaves. Nobody lets go of anything because of it: who has the content after all keeps it
 * until others have it. Without another peer that can take it nothing is written, and an alert says so.
 */
export class Refit implements AsyncDisposable {
  readonly #parts: RefitParts
  readonly #config: ClusterConfig
  readonly #claims: Claims
  /** What this peer moved, of late. */
  readonly #moved = new LatestMap<string, true>(MOVED_MAX)
  readonly #openedMs: number
  readonly #owned = new AsyncDisposableStack()
  #rankOf: RankOf

  constructor(parts: RefitParts, config: ClusterConfig) {
    const { clock, logger, marks, monitor } = parts
    this.#parts = parts
    this.#config = config
    this.#openedMs = clock.monotonic()
    this.#rankOf = parts.ranking()
    const isOfConcern = (cid: Cid) => this.#rankOf(cid) <= RANK_MAX
    // Whoever takes over from the nearest peer is to know where it did not fit before.
    const onSaid = (cid: Cid, peer: PeerId) => parts.unfit.note(cid, peer)
    this.#claims = new Claims({ ...parts, isOfConcern, onSaid })
    const onError = (thrown: unknown) =>
      logger.warn('what finds no room could not be placed elsewhere', { reason: messageOf(thrown) })
    const onHealth = monitor.onHealth(({ condition }) => {
      if (condition === 'alive') this.#claims.retry()
    })
    this.#owned.use(onHealth)
    this.#owned.use(marks.onChange(() => this.#claims.retry()))
    this.#owned.use(repeat({ clock, everyMs: LOOK_EVERY_MS, onError }, signal => this.#look({ signal })))
  }

  /** Pins that find no room where they are, and that no other peer can take, as far as this peer has to move them. */
  get stuckCount(): number {
    return this.#stuck().length
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#owned.disposeAsync()
  }

  async #look(options: Options): Promise<void> {
    const { clock, isHeldUp } = this.#parts
    if (clock.monotonic() - this.#openedMs < FIRST_LOOK_MS || isHeldUp()) return
    this.#rankOf = this.#parts.ranking()
    const said = await this.#claims.look(options)
    const ours = said.filter(claim => this.#isOurs(claim)).slice(0, A_LOOK_MAX)
    const batchMax = Math.min(BATCH_MAX, Math.ceil(this.#config.repin.perSecond / 2))
    for (let at = 0; at < ours.length; at += batchMax) {
      await this.#move(ours.slice(at, at + batchMax), options)
    }
    this.#tell()
  }

  /**
   * Not what was only just said: the others are to hear of it too. Where somebody else has moved it before, the nearest peer is
   * at it, and finds no place: that is no reason to take over.
   */
  #isOurs({ cid, peer, sinceMs }: Claim): boolean {
    const { clock, unfit } = this.#parts
    const rank = this.#rankOf(cid)
    const ageMs = clock.monotonic() - sinceMs
    if (ageMs < LOOK_EVERY_MS) return false
    if (rank === 0 || this.#moved.get(cidKey(cid)) === true) return rank <= RANK_MAX
    const wasMoved = [...unfit.of(cid)].some(each => each !== peer)
    return !wasMoved && rank <= Math.min(RANK_MAX, ageMs / TAKE_OVER_MS)
  }

  async #move(claims: readonly Claim[], options: Options): Promise<void> {
    const { budget, consensus, isHeldUp, logger, onMoved, receivers } = this.#parts
    await budget.take(claims.length, options.signal)
    const read = await consensus.getMany(claims.map(({ cid }) => cid))
    options.signal.throwIfAborted()
    if (isHeldUp()) return
    const moves = this.#place(claims, read)
    if (moves.length === 0) return
    const before = moves.map(move => move.before)
    const after = moves.map(move => ({ ...move.before, allocations: move.allocations }))
    await consensus.put(after, { ...options, replacing: before })
    const from = new Map<PeerId, number>()
    for (const { claim, before: pin, allocations } of moves) {
      this.#claims.settled(claim)
      this.#moved.set(cidKey(pin.cid), true)
      for (const peer of allocations) if (!pin.allocations.includes(peer)) receivers.note(peer, pin.cid)
      from.set(claim.peer, (from.get(claim.peer) ?? 0) + 1)
      onMoved()
    }
    logger.info('pins that find no room where they are were placed elsewhere', {
      pins: moves.length,
      from: Object.fromEntries(from),
    })
  }

  #place(claims: readonly Claim[], read: readonly (Pin | undefined)[]): readonly Move[] {
    const choose = peerChooser(this.#parts, this.#config)
    const full = this.#parts.receivers.full()
    const moves: Move[] = []
    const seen = new Set<Pin>()
    claims.forEach((claim, at) => {
      const pin = read[at]
      if (pin === undefined || !pin.allocations.includes(claim.peer) || isEverywhere(pin)) return
      // Of one that fits on neither of two peers, the second is moved with the next look.
      if (seen.has(pin)) return
      seen.add(pin)
      const elsewhere = this.#elsewhere(choose, claim, pin, full)
      if (elsewhere instanceof ClusterError) this.#claims.failed(claim, elsewhere.message)
      else if (elsewhere !== undefined) moves.push({ claim, before: pin, allocations: elsewhere })
    })
    return moves
  }

  /** Where the pin is to be; undefined when those that could take it have enough on the way. */
  #elsewhere(
    choose: ReturnType<typeof peerChooser>,
    { peer, cid }: Claim,
    pin: Pin,
    full: readonly PeerId[],
  ): readonly PeerId[] | ClusterError | undefined {
    const { monitor, unfit } = this.#parts
    const others = (peers: Iterable<PeerId>) => [...peers].filter(each => !pin.allocations.includes(each))
    const tried = others(unfit.of(cid))
    if (tried.length >= MOVES_MAX) {
      const names = [...tried, peer].map(each => monitor.hello(each)?.peername || each)
      return new ClusterError('NO_SPACE', `it found no room on any of ${names.join(', ')}`)
    }
    const withoutRoom = new Set([peer, ...tried])
    const chosen = tryToChoose(choose, choiceWithout(pin, withoutRoom))
    if (chosen instanceof ClusterError) return chosen
    const busy = others(full)
    if (!chosen.some(each => busy.includes(each))) return chosen
    const patient = tryToChoose(choose, choiceWithout(pin, new Set([...withoutRoom, ...busy])))
    return patient instanceof ClusterError ? undefined : patient
  }

  #stuck(): readonly Claim[] {
    return [...this.#claims.all()].filter(({ cid, stuck }) => stuck !== undefined && this.#rankOf(cid) === 0)
  }

  #tell(): void {
    const { alerts, self } = this.#parts
    const stuck = this.#stuck()
    const [first] = stuck
    if (first?.stuck === undefined) return alerts.clear('no-room', self)
    const examples = stuck.slice(0, EXAMPLES_MAX).map(({ cid }) => formatCid(cid))
    const count = stuck.length === 1 ? '1 pin finds' : `${stuck.length} pins find`
    alerts.raise(
      'no-room',
      self,
      `${count} no room on a peer that is to keep it, and no other peer can take it: make room there ("cluster-ctl ipfs gc", fewer pins, a higher limit) or add peers. For example ${examples.join(', ')}: ${first.stuck}`,
    )
  }
}

interface Move {
  readonly claim: Claim
  readonly before: Pin
  /** Its time stays: a move is no request. */
  readonly allocations: readonly PeerId[]
}
