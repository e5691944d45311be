import { ClusterError } from '../../errors.ts'
import type { Options } from '../../interfaces.ts'
import { pagesOf } from '../../lib/pages.ts'
import type { TokenBucket } from '../../lib/token-bucket.ts'
import type { PeerId } from '../../model/peer.ts'
import type { Pin } from '../../model/pin.ts'
import type { PinRange } from '../../model/pin-range.ts'
import { type ChoiceRequest, peerChooser } from '../choose-peers.ts'
import type { ClusterComponents } from '../components.ts'
import type { ClusterConfig } from '../config.ts'
import { isConcerned, liveCopies, type Roles } from './census.ts'
import type { LeavingReason } from './leaving.ts'
import type { Receivers } from './receivers.ts'
import { tryToChoose } from './try-to-choose.ts'
import type { Unfit } from './unfit.ts'

/** What moving needs. */
export interface MoveComponents
  extends Pick<ClusterComponents, 'allocate' | 'clock' | 'consensus' | 'marks' | 'monitor'> {
  readonly receivers: Receivers
  /** A token for each pin that is moved. */
  readonly budget: TokenBucket
  /** Where content did not fit of late. */
  readonly unfit: Unfit
}

/** What is to be moved. */
export interface MoveTask extends Roles {
  readonly reasons: ReadonlyMap<PeerId, LeavingReason>
  /** Only pins with so many live copies. */
  readonly copies: number
  readonly onMoved: (reason: LeavingReason) => void
  /** Too few peers can take the pin. */
  readonly onStuck: (error: ClusterError) => void
}

/**
 * Pins that are read anew, decided on and written together, from however many pages: every batch is a message to everybody,
 * and a page has only few pins that fall to this peer.
 */
const BATCH_MAX = 100
/** A batch is no more than so much of the budget, so that a small one is used steadily. */
const BATCH_SECONDS = 0.5
/** How often a full receiver is asked whether something has arrived. */
const LOOK_EVERY_MS = 500

/**
 * Allocates anew what is allocated to peers that leave, falls to this peer and has so many live copies, in one pass over the
 * pinset. Each entry is read again right before it is written, and written only if it stands as it was read.
 */
export async function movePins(
  components: MoveComponents,
  config: ClusterConfig,
  task: MoveTask,
  options: Options,
): Promise<void> {
  const { consensus } = components
  const batchMax = Math.min(BATCH_MAX, Math.ceil(config.repin.perSecond * BATCH_SECONDS))
  const [first, ...more] = task.reasons.keys()
  const range: PinRange = first !== undefined && more.length === 0 ? { allocation: first } : {}
  let batch: Pin[] = []
  const move = async () => {
    const pins = batch
    batch = []
    if (pins.length > 0) await moveBatch(components, config, task, pins, options)
  }
  for await (const page of pagesOf(consensus.pins(range, options))) {
    for (const pin of page) {
      if (!isDue(pin, task)) continue
      batch.push(pin)
      if (batch.length >= batchMax) await move()
    }
  }
  await move()
}

function isDue(pin: Pin, { isLeaving, isLive, isOurs, copies }: MoveTask): boolean {
  return isConcerned(pin, isLeaving) && liveCopies(pin, isLive) === copies && isOurs(pin.cid)
}

async function moveBatch(
  components: MoveComponents,
  config: ClusterConfig,
  task: MoveTask,
  batch: readonly Pin[],
  options: Options,
): Promise<void> {
  const { clock, consensus, receivers, budget } = components
  let cids = batch.map(({ cid }) => cid)
  await budget.take(cids.length, options.signal)
  while (cids.length > 0) {
    const read = await consensus.getMany(cids)
    options.signal.throwIfAborted()
    const placed = place(components, config, task, read)
    const before = placed.moves.map(move => move.before)
    const after = placed.moves.map(move => ({ ...move.before, ...move.changed }))
    if (after.length > 0) await consensus.put(after, { ...options, replacing: before })
    for (const { before: pin, changed } of placed.moves) {
      for (const peer of changed.allocations)
        if (!pin.allocations.includes(peer)) receivers.note(peer, pin.cid)
      const left = pin.allocations.find(task.isLeaving)
      task.onMoved(task.reasons.get(left ?? '') ?? 'gone')
    }
    cids = placed.later.map(({ cid }) => cid)
    if (cids.length === 0) return
    await clock.sleep(LOOK_EVERY_MS, options.signal)
    await receivers.look(options)
  }
}

interface Placed {
  readonly moves: readonly {
    readonly before: Pin
    /** Its time stays: a move is no request, and "older than" asks when somebody pinned it. */
    readonly changed: Pick<Pin, 'allocations'>
  }[]
  /** Those for which there is no room at the moment. */
  readonly later: readonly Pin[]
}

/** Decides where pins go. Peers that have much on the way get nothing more, if others can take their place. */
function place(
  components: MoveComponents,
  config: ClusterConfig,
  task: MoveTask,
  read: readonly (Pin | undefined)[],
): Placed {
  const { receivers, unfit } = components
  const choose = peerChooser(components, config)
  const leaving = new Set(task.reasons.keys())
  const full = receivers.full()
  const avoided = full.length === 0 ? leaving : new Set([...leaving, ...full])
  const moves: Placed['moves'][number][] = []
  const later: Pin[] = []
  for (const pin of read) {
    if (pin === undefined || !isConcerned(pin, task.isLeaving)) continue
    const isKeptByFull = full.some(peer => pin.allocations.includes(peer))
    const without = isKeptByFull
      ? new Set([...leaving, ...full.filter(peer => !pin.allocations.includes(peer))])
      : avoided
    const withoutRoom = new Set([...unfit.of(pin.cid)].filter(peer => !pin.allocations.includes(peer)))
    const tryWithout = (peers: ReadonlySet<PeerId>) =>
      tryToChoose(choose, choiceLeaving(pin, peers, withoutRoom))
    const chosen = tryWithout(without)
    if (!(chosen instanceof ClusterError)) moves.push({ before: pin, changed: { allocations: chosen } })
    else if (full.length > 0 && !(tryWithout(leaving) instanceof ClusterError)) later.push(pin)
    else task.onStuck(chosen)
  }
  return { moves, later }
}

function choiceLeaving(
  pin: Pin,
  leaving: ReadonlySet<PeerId>,
  withoutRoom: ReadonlySet<PeerId>,
): ChoiceRequest {
  const { cid } = pin
  // Entries that came from elsewhere may leave their replication open.
  const min = Math.max(1, pin.replicationMin)
  const max = pin.replicationMax <= 0 ? Math.max(min, pin.allocations.length) : pin.replicationMax
  return { cid, replication: { min, max }, existing: pin, preferred: [], leaving, withoutRoom }
}
