import { ClusterError } from '../../errors.ts'
import type { Options } from '../../interfaces.ts'
import { NO_ROOM_METRIC, roomlessPeers } from '../../model/no-room.ts'
import type { PeerId } from '../../model/peer.ts'
import {
  type OwnLeft,
  type PeerContent,
  type PeerState,
  type Roomless,
  UNPLACED_SHOWN_MAX,
  type Unplaced,
} from '../../model/peer-care.ts'
import { isEverywhere, type Pin } from '../../model/pin.ts'
import { type ChooserComponents, type ChooserConfig, peerChooser } from '../choose-peers.ts'
import type { ClusterComponents } from '../components.ts'
import { fanOut, onlyAnswer } from '../fan-out.ts'
import { ownLeft } from './own-left.ts'
import { type PeerStatesComponents, peerState } from './peer-states.ts'

/** What looking at a peer's content needs. */
export type PeerContentComponents = PeerStatesComponents &
  ChooserComponents &
  Pick<ClusterComponents, 'clock' | 'rpc' | 'self' | 'tracker'>

/** The peer goes through its whole pinset. */
const LEFT_LIMIT_MS = 120_000

/**
 * Counts what a peer keeps, in one pass over the pinset that holds nothing. With `isChecked` it is tried for every pin
 * whether others could take it, as moving it would: the same chooser, the same policies.
 */
export async function peerContent(
  components: PeerContentComponents,
  config: ChooserConfig,
  peer: PeerId,
  { isChecked, signal }: Options & { readonly isChecked: boolean },
): Promise<PeerContent> {
  let allocatedCount = 0
  let everywhereCount = 0
  const found = new UnplacedPins(components, config, peer)
  for await (const pin of components.consensus.pins({ allocation: peer }, { signal })) {
    if (pin.type === 'meta-pin') continue
    if (isEverywhere(pin)) {
      everywhereCount += 1
      continue
    }
    allocatedCount += 1
    if (isChecked) found.look(pin)
  }
  const state = peerState(components, peer)
  const left = isAnswering(state) ? await askLeft(components, peer, { signal }) : undefined
  return {
    state,
    allocatedCount,
    everywhereCount,
    handOverCount: left?.handOverCount,
    unplacedCount: isChecked ? found.count : undefined,
    unplaced: found.first,
    noRoom: left !== undefined && left.handOverCount > 0 ? roomless(components) : [],
    isEmpty: allocatedCount === 0 && (isDone(left) || !isAnswering(state)),
  }
}

/** Who says in its heartbeats to have no room for something. */
function roomless({ monitor }: Pick<ClusterComponents, 'monitor'>): readonly Roomless[] {
  const counts = [...roomlessPeers(monitor.latest(NO_ROOM_METRIC))].slice(0, UNPLACED_SHOWN_MAX)
  return counts.map(([peer, pinsCount]) => ({
    peer,
    peername: monitor.hello(peer)?.peername ?? '',
    pinsCount,
  }))
}

/** By the peer's own pinset, too: it may not have heard yet of what was moved away from it. */
function isDone(left: OwnLeft | undefined): boolean {
  return left !== undefined && left.allocatedCount === 0 && left.handOverCount === 0
}

/** What a peer that is not there may still hold, nobody can wait for. */
function isAnswering({ health }: PeerState): boolean {
  return health?.condition === 'alive' || health?.condition === 'suspect'
}

/** What the peer says itself; undefined when it does not answer. */
async function askLeft(
  components: PeerContentComponents,
  peer: PeerId,
  { signal }: Options,
): Promise<OwnLeft | undefined> {
  const { clock, rpc, self } = components
  if (peer === self) return ownLeft(components, { signal })
  const ask = (to: PeerId, options: Options) => onlyAnswer(rpc.call(to, 'left', undefined, options))
  for await (const answer of fanOut([peer], ask, { signal, clock, limitMs: LEFT_LIMIT_MS }))
    return 'value' in answer ? answer.value : undefined
  return undefined
}

/** Finds out which pins would have to stay where they are. */
class UnplacedPins {
  readonly first: Unplaced[] = []
  count = 0
  readonly #choose: ReturnType<typeof peerChooser>
  readonly #leaving: ReadonlySet<PeerId>

  constructor(components: ChooserComponents, config: ChooserConfig, peer: PeerId) {
    this.#choose = peerChooser(components, config)
    this.#leaving = new Set([peer])
  }

  look(pin: Pin): void {
    const { cid } = pin
    const min = Math.max(1, pin.replicationMin)
    const max = pin.replicationMax <= 0 ? Math.max(min, pin.allocations.length) : pin.replicationMax
    try {
      this.#choose({ cid, replication: { min, max }, existing: pin, preferred: [], leaving: this.#leaving })
    } catch (thrown) {
      if (!(thrown instanceof ClusterError)) throw thrown
      this.count += 1
      if (this.first.length < UNPLACED_SHOWN_MAX) this.first.push({ cid, reason: thrown.message })
    }
  }
}
