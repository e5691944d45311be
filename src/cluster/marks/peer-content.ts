import { ClusterError } from '../../errors.ts'
import type { Options } from '../../interfaces.ts'
import type { PeerId } from '../../model/peer.ts'
import { type PeerContent, type PeerState, UNPLACED_SHOWN_MAX, type Unplaced } from '../../model/peer-care.ts'
import { isEverywhere, type Pin } from '../../model/pin.ts'
import { type ChooserComponents, type ChooserConfig, peerChooser } from '../choose-peers.ts'
import { type PeerStatesComponents, peerState } from './peer-states.ts'

/** What looking at a peer's content needs. */
export type PeerContentComponents = PeerStatesComponents & ChooserComponents

/** Metric in which a peer tells how much it holds until others have it. */
export const HAND_OVER_METRIC = 'handover'

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
  const handOverCount = handOverOf(components, peer)
  return {
    state,
    allocatedCount,
    everywhereCount,
    handOverCount,
    unplacedCount: isChecked ? found.count : undefined,
    unplaced: found.first,
    isEmpty: allocatedCount === 0 && (handOverCount === 0 || !isAnswering(state)),
  }
}

/** What a peer that is not there may still hold, nobody can wait for. */
function isAnswering({ health }: PeerState): boolean {
  return health?.condition === 'alive' || health?.condition === 'suspect'
}

function handOverOf({ monitor }: Pick<PeerContentComponents, 'monitor'>, peer: PeerId): number | undefined {
  const metric = monitor.latest(HAND_OVER_METRIC).find(each => each.peer === peer)
  const count = Number(metric?.value ?? Number.NaN)
  return Number.isSafeInteger(count) && count >= 0 ? count : undefined
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
    const { cid, replicationMin: min, replicationMax: max } = pin
    try {
      this.#choose({ cid, replication: { min, max }, existing: pin, preferred: [], leaving: this.#leaving })
    } catch (thrown) {
      if (!(thrown instanceof ClusterError)) throw thrown
      this.count += 1
      if (this.first.length < UNPLACED_SHOWN_MAX) this.first.push({ cid, reason: thrown.message })
    }
  }
}
