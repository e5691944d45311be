import { ClusterError } from '../../errors.ts'
import type { Options } from '../../interfaces.ts'
import { KeyedLock } from '../../lib/keyed-lock.ts'
import { formatCid } from '../../model/cid.ts'
import type { PeerId } from '../../model/peer.ts'
import {
  MAINTENANCE_MS,
  type MarkChange,
  type PeerCare,
  type PeerContent,
  type PeerState,
} from '../../model/peer-care.ts'
import type { ClusterComponents } from '../components.ts'
import type { ClusterConfig } from '../config.ts'
import { refuseAsFollower } from '../pin-rules.ts'
import { type PeerContentComponents, peerContent } from './peer-content.ts'
import { peerState, peerStates } from './peer-states.ts'

/** What taking care of peers needs. */
export type PeerCareComponents = PeerContentComponents & Pick<ClusterComponents, 'logger'>

/** Lets operators say of peers what is to be done with them. What is said is written to the pinset and thereby everywhere. */
export function openPeerCare(components: PeerCareComponents, config: ClusterConfig): PeerCare {
  return new Care(components, config)
}

class Care implements PeerCare {
  readonly #parts: PeerCareComponents
  readonly #config: ClusterConfig
  /** A mark is changed by reading and writing it. */
  readonly #changing = new KeyedLock()

  constructor(components: PeerCareComponents, config: ClusterConfig) {
    this.#parts = components
    this.#config = config
  }

  peers(): readonly PeerState[] {
    return peerStates(this.#parts)
  }

  async say(peer: PeerId, change: MarkChange, options: Options): Promise<PeerState> {
    this.#checkMay()
    this.#checkMaintenance(change)
    await this.#checkKnown(peer, options)
    return this.#change(peer, change, options)
  }

  async content(peer: PeerId, options: Options & { readonly isChecked: boolean }): Promise<PeerContent> {
    await this.#checkKnown(peer, options)
    return peerContent(this.#parts, this.#config, peer, options)
  }

  async drain(peer: PeerId, options: Options & { readonly isForced: boolean }): Promise<PeerContent> {
    this.#checkMay()
    await this.#checkKnown(peer, options)
    const { signal } = options
    const before = await peerContent(this.#parts, this.#config, peer, { isChecked: true, signal })
    const unplacedCount = before.unplacedCount ?? 0
    if (unplacedCount > 0 && !options.isForced) throw wouldStay(before, unplacedCount)
    const state = await this.#change(peer, { isCordoned: true, isDraining: true }, options)
    return { ...before, state }
  }

  async remove(peer: PeerId, options: Options & { readonly isForced: boolean }): Promise<void> {
    this.#checkMay()
    await this.#checkKnown(peer, options)
    const { health, mark } = peerState(this.#parts, peer)
    const isLive = health?.condition === 'alive' || health?.condition === 'suspect'
    if (isLive && !mark.isRemoved && !options.isForced) await this.#checkEmpty(peer, options)
    await this.#change(
      peer,
      { isCordoned: false, isDraining: false, isRemoved: true, maintenanceUntilMs: undefined },
      options,
    )
  }

  #change(peer: PeerId, change: MarkChange, options: Options): Promise<PeerState> {
    const { marks, logger } = this.#parts
    return this.#changing.run(peer, async () => {
      await marks.set({ ...marks.of(peer), ...change, peer }, options)
      logger.info('an operator said of a peer', { peer, ...change })
      return peerState(this.#parts, peer)
    })
  }

  #checkMay(): void {
    refuseAsFollower(this.#config.isFollower)
    if (!this.#parts.consensus.state.trust.isSelfTrusted)
      throw new ClusterError(
        'REFUSED',
        'the cluster does not trust this peer, so nobody would listen to it: ask another peer',
      )
  }

  #checkMaintenance({ maintenanceUntilMs }: MarkChange): void {
    if (maintenanceUntilMs === undefined) return
    const forMs = maintenanceUntilMs - this.#parts.clock.now()
    if (!(forMs >= MAINTENANCE_MS.min - 1000 && forMs <= MAINTENANCE_MS.max + 1000))
      throw new ClusterError('INVALID_ARGUMENT', 'a maintenance lasts from 1 minute to 30 days (720h)')
  }

  /** A mistyped id must not become a mark that nobody sees. What only allocations name is known as well: a peer long dead. */
  async #checkKnown(peer: PeerId, { signal }: Options): Promise<void> {
    const { consensus, self } = this.#parts
    if (peer === self || this.peers().some(each => each.peer === peer)) return
    for await (const pin of consensus.pins({ allocation: peer }, { signal })) {
      if (pin.allocations.includes(peer)) return
    }
    throw new ClusterError(
      'NOT_FOUND',
      `nobody here has heard of peer ${peer}, and nothing is allocated to it: look at "peers ls"`,
    )
  }

  /** A drained peer that is stopped counts as suspect for some seconds: nobody has to wait for what it cannot say any more. */
  async #checkEmpty(peer: PeerId, { signal }: Options): Promise<void> {
    const content = await peerContent(this.#parts, this.#config, peer, { isChecked: false, signal })
    const { health, mark } = content.state
    const isDrained = mark.isDraining && content.allocatedCount === 0
    const isStopped = content.handOverCount === undefined && health?.condition !== 'alive'
    if (isDrained && (content.isEmpty || isStopped)) return
    throw new ClusterError('REFUSED', isDrained ? notEmptyYet(content) : notDrained(content))
  }
}

function notDrained({ state: { peer }, allocatedCount }: PeerContent): string {
  const keeps = allocatedCount === 0 ? 'was not drained' : `keeps ${allocatedCount} pins`
  return `peer ${peer} is alive and ${keeps}: drain it first ("peers drain ${peer}"), stop it, or use --force`
}

function notEmptyYet({ state: { peer }, handOverCount }: PeerContent): string {
  return handOverCount === undefined
    ? `peer ${peer} does not say whether it is empty: try again in some seconds, when it answers or counts as unreachable, or use --force`
    : `peer ${peer} still holds ${handOverCount} pins until others have them: wait for that ("peers drain --wait ${peer}"), or use --force`
}

function wouldStay({ state, allocatedCount, unplaced }: PeerContent, count: number): ClusterError {
  const [first] = unplaced
  const example = first === undefined ? '' : ` The first: ${formatCid(first.cid)}: ${first.reason}`
  return new ClusterError(
    'REFUSED',
    `${count} of the ${allocatedCount} pins of peer ${state.peer} would stay on it, since the other peers cannot take them: add peers, lower the replication factor of these pins, or use --force to move what can be moved.${example}`,
  )
}
