import type { Options } from '../../interfaces.ts'
import type { Cid } from '../../model/cid.ts'
import type { PeerId } from '../../model/peer.ts'
import { isEverywhere, type Pin } from '../../model/pin.ts'
import type { PeerBalance, RebalancePlan } from '../../model/rebalance.ts'
import { peerChooser } from '../choose-peers.ts'
import type { ClusterComponents } from '../components.ts'
import type { ClusterConfig } from '../config.ts'
import { fanOut, onlyAnswer, PEER_LIMIT_MS } from '../fan-out.ts'
import { type Move, Mover } from './mover.ts'
import { quotasOf, spreadOf } from './shares.ts'
import { takersOf } from './takers.ts'

/** What planning needs. */
export type PlanComponents = Pick<
  ClusterComponents,
  'allocate' | 'clock' | 'consensus' | 'ipfs' | 'marks' | 'monitor' | 'rpc' | 'self'
>

/** How copies are spread. */
export interface Spread {
  /** Pins that are allocated by name, for each peer that may take some. */
  readonly counts: ReadonlyMap<PeerId, number>
  /** Pins that every peer keeps. */
  readonly everywhereCount: number
}

/** Entries that are read at a time. */
const PAGE_ENTRIES = 500

/** How the copies are spread among the peers that may take some. One pass over the pinset. */
export async function countCopies(
  components: Pick<PlanComponents, 'consensus' | 'marks' | 'monitor'>,
  config: Pick<ClusterConfig, 'allocateBy' | 'allocateTo'>,
  { signal }: Options,
): Promise<Spread> {
  let everywhereCount = 0
  const counts = new Map(takersOf(components, config).map(peer => [peer, 0]))
  for await (const pin of components.consensus.pins({}, { signal })) {
    if (pin.type === 'meta-pin') continue
    if (isEverywhere(pin)) everywhereCount += 1
    else {
      for (const peer of pin.allocations) {
        const count = counts.get(peer)
        if (count !== undefined) counts.set(peer, count + 1)
      }
    }
  }
  return { counts, everywhereCount }
}

/**
 * The moves that lead to equal shares, in the order of the pinset, some at a time; nothing is held, and the store is not kept
 * open while whoever asks takes its time. The chooser is made anew for every page, so that it goes by what is known then.
 */
export async function* findMoves(
  components: Pick<PlanComponents, 'allocate' | 'consensus' | 'marks' | 'monitor'>,
  config: ClusterConfig,
  mover: Mover,
  { signal }: Options,
): AsyncGenerator<readonly Move[]> {
  let after: Cid | undefined
  while (!mover.isDone) {
    const page: Pin[] = []
    const range = { limit: PAGE_ENTRIES, ...(after === undefined ? {} : { after }) }
    for await (const pin of components.consensus.pins(range, { signal })) page.push(pin)
    const choose = peerChooser(components, config)
    const moves = page.flatMap(pin => mover.look(pin, choose) ?? [])
    if (moves.length > 0) yield moves
    if (page.length < PAGE_ENTRIES) return
    after = page.at(-1)?.cid
  }
}

/** What a rebalance would do now. Two passes over the pinset, which hold nothing but a few numbers a peer. */
export async function planRebalance(
  components: PlanComponents,
  config: ClusterConfig,
  options: Options,
): Promise<RebalancePlan> {
  const spread = await countCopies(components, config, options)
  const { counts } = spread
  const sizes = await meanSizes(components, spread, options)
  const mover = new Mover(quotasOf(counts))
  const tallies = new Map([...counts.keys()].map(peer => [peer, new Tally()]))
  let pinsMoved = 0
  for await (const moves of findMoves(components, config, mover, options)) {
    pinsMoved += moves.length
    for (const { from, to } of moves) {
      from.forEach((giver, at) => {
        const bytes = sizes.get(giver)
        tallies.get(giver)?.give(bytes)
        tallies.get(to[at] ?? '')?.take(bytes)
      })
    }
  }
  const after = new Map([...counts].map(([peer, count]) => [peer, count + (tallies.get(peer)?.net ?? 0)]))
  const peers = [...counts].map(([peer, pinsBefore]): PeerBalance => {
    const tally = tallies.get(peer) ?? new Tally()
    const peername = components.monitor.hello(peer)?.peername ?? ''
    return { peer, peername, pinsBefore, pinsAfter: pinsBefore + tally.net, ...tally.figures }
  })
  return {
    peers,
    pinsMoved,
    copiesMoved: peers.reduce((sum, { pinsOut }) => sum + pinsOut, 0),
    bytesMoved: peers.reduce<number | undefined>((sum, { bytesOut }) => add(sum, bytesOut), 0),
    spreadBefore: spreadOf(counts),
    spreadAfter: spreadOf(after),
    refusedCount: mover.refusedCount,
  }
}

class Tally {
  #in = 0
  #out = 0
  #bytesIn: number | undefined = 0
  #bytesOut: number | undefined = 0

  get net(): number {
    return this.#in - this.#out
  }

  get figures(): Pick<PeerBalance, 'pinsIn' | 'pinsOut' | 'bytesIn' | 'bytesOut'> {
    const whole = (bytes: number | undefined) => (bytes === undefined ? undefined : Math.round(bytes))
    return {
      pinsIn: this.#in,
      pinsOut: this.#out,
      bytesIn: whole(this.#bytesIn),
      bytesOut: whole(this.#bytesOut),
    }
  }

  give(bytes: number | undefined): void {
    this.#out += 1
    this.#bytesOut = add(this.#bytesOut, bytes)
  }

  take(bytes: number | undefined): void {
    this.#in += 1
    this.#bytesIn = add(this.#bytesIn, bytes)
  }
}

function add(sum: number | undefined, bytes: number | undefined): number | undefined {
  return sum === undefined || bytes === undefined ? undefined : sum + bytes
}

/** Bytes of a pin on each peer, about: what its repository has, by its pins. A peer that does not answer has no entry. */
async function meanSizes(
  { clock, ipfs, rpc, self }: PlanComponents,
  { counts, everywhereCount }: Spread,
  { signal }: Options,
): Promise<ReadonlyMap<PeerId, number>> {
  const ask = (peer: PeerId, options: Options) =>
    peer === self ? ipfs.repoStat(options) : onlyAnswer(rpc.call(peer, 'repoStat', undefined, options))
  const sizes = new Map<PeerId, number>()
  for await (const answer of fanOut([...counts.keys()], ask, { signal, clock, limitMs: PEER_LIMIT_MS })) {
    if ('error' in answer) continue
    const pins = (counts.get(answer.peer) ?? 0) + everywhereCount
    sizes.set(answer.peer, pins === 0 ? 0 : answer.value.sizeBytes / pins)
  }
  return sizes
}
