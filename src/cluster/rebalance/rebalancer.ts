import { ClusterError, messageOf } from '../../errors.ts'
import type { Options } from '../../interfaces.ts'
import { TokenBucket } from '../../lib/token-bucket.ts'
import type { PeerId } from '../../model/peer.ts'
import { isSameRequest } from '../../model/pin.ts'
import {
  REBALANCE_RATE,
  type RebalancePlan,
  type Rebalancer,
  type RebalanceStatus,
} from '../../model/rebalance.ts'
import type { ClusterComponents } from '../components.ts'
import type { ClusterConfig } from '../config.ts'
import { fanOut, onlyAnswer, PEER_LIMIT_MS } from '../fan-out.ts'
import { refuseAsFollower } from '../pin-rules.ts'
import { type Move, Mover } from './mover.ts'
import { countCopies, findMoves, type PlanComponents, planRebalance } from './plan.ts'
import { quotasOf } from './shares.ts'
import { takersOf } from './takers.ts'

/** What rebalancing needs. */
export type RebalanceComponents = PlanComponents & Pick<ClusterComponents, 'logger'>

/** Entries that are written at a time, at most. */
const BATCH_MAX = 100

/** Lets content be spread anew over the peers that can take some, by this peer, when it is told to. Nothing runs by itself. */
export function openRebalancer(
  components: RebalanceComponents,
  config: ClusterConfig,
): Rebalancer & AsyncDisposable {
  return new OwnRebalancer(components, config)
}

class OwnRebalancer implements Rebalancer {
  readonly #parts: RebalanceComponents
  readonly #config: ClusterConfig
  #status: RebalanceStatus
  #stopping: AbortController | undefined
  #run: Promise<void> | undefined

  constructor(components: RebalanceComponents, config: ClusterConfig) {
    this.#parts = components
    this.#config = config
    this.#status = {
      peer: components.self,
      state: 'idle',
      copiesPlanned: 0,
      copiesMoved: 0,
      pinsMoved: 0,
      refusedCount: 0,
      pinsPerSecond: REBALANCE_RATE.default,
      startedAtMs: undefined,
      endedAtMs: undefined,
      reason: '',
    }
  }

  plan(options: Options): Promise<RebalancePlan> {
    return planRebalance(this.#parts, this.#config, options)
  }

  own(): RebalanceStatus {
    return this.#status
  }

  async statuses(options: Options): Promise<readonly RebalanceStatus[]> {
    const statuses = await this.#ask('status', options)
    return statuses.filter(({ state }) => state !== 'idle')
  }

  async start({
    pinsPerSecond,
    signal,
  }: Options & { readonly pinsPerSecond: number }): Promise<RebalanceStatus> {
    refuseAsFollower(this.#config.isFollower)
    const { clock, consensus, self } = this.#parts
    if (!(pinsPerSecond >= REBALANCE_RATE.min && pinsPerSecond <= REBALANCE_RATE.max))
      throw new ClusterError(
        'INVALID_ARGUMENT',
        `the rate is between ${REBALANCE_RATE.min} and ${REBALANCE_RATE.max} pins a second`,
      )
    if (!consensus.state.trust.isSelfTrusted)
      throw new ClusterError(
        'REFUSED',
        'the cluster does not trust this peer, so nobody would listen to it: ask another peer',
      )
    // Before anybody is asked, so that of two that begin at the same time each sees the other.
    if (isActive(this.#status)) throw underWay(self)
    const before = this.#status
    this.#status = {
      ...this.#status,
      state: 'planning',
      copiesPlanned: 0,
      copiesMoved: 0,
      pinsMoved: 0,
      refusedCount: 0,
      pinsPerSecond,
      startedAtMs: clock.now(),
      endedAtMs: undefined,
      reason: '',
    }
    const stopping = new AbortController()
    this.#stopping = stopping
    const whole = AbortSignal.any([signal, stopping.signal])
    try {
      const statuses = await this.#ask('status', { signal: whole })
      const other = statuses.find(status => status.peer !== self && isActive(status))
      if (other !== undefined) throw underWay(other.peer)
      whole.throwIfAborted()
    } catch (thrown) {
      this.#status = before
      throw thrown
    }
    this.#run = this.#carryOut(stopping.signal)
    return this.#status
  }

  async stop(options: Options): Promise<readonly RebalanceStatus[]> {
    refuseAsFollower(this.#config.isFollower)
    return (await this.#ask('stop', options)).filter(({ state }) => state !== 'idle')
  }

  async stopOwn(): Promise<RebalanceStatus> {
    this.#stopping?.abort(new ClusterError('REFUSED', 'stopped by an operator'))
    await this.#run
    return this.#status
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping?.abort(new ClusterError('NOT_READY', 'this peer is stopping'))
    await this.#run
  }

  async #ask(action: 'status' | 'stop', { signal }: Options): Promise<readonly RebalanceStatus[]> {
    const { clock, monitor, rpc, self } = this.#parts
    const ask = async (peer: PeerId, options: Options) => {
      if (peer !== self) return onlyAnswer(rpc.call(peer, 'rebalance', { action }, options))
      return action === 'stop' ? this.stopOwn() : this.#status
    }
    const statuses: RebalanceStatus[] = []
    for await (const answer of fanOut(monitor.peers(), ask, { signal, clock, limitMs: PEER_LIMIT_MS })) {
      if ('value' in answer) statuses.push({ ...answer.value, peer: answer.peer })
    }
    return statuses.sort((a, b) => (a.peer < b.peer ? -1 : 1))
  }

  async #carryOut(signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.#parts
    try {
      await this.#moveAll(signal)
      this.#tell({ state: 'done', endedAtMs: clock.now() })
      logger.info('the pins were spread anew', { pins: this.#status.pinsMoved })
    } catch (thrown) {
      const isStopped = signal.aborted
      const reason = messageOf(isStopped ? signal.reason : thrown)
      this.#tell({ state: isStopped ? 'stopped' : 'failed', endedAtMs: clock.now(), reason })
      if (isStopped) logger.info('spreading the pins anew was stopped', { reason })
      else logger.warn('spreading the pins anew has failed: begin it again', { error: thrown })
    }
  }

  async #moveAll(signal: AbortSignal): Promise<void> {
    const { clock, consensus } = this.#parts
    const { pinsPerSecond } = this.#status
    const { counts } = await countCopies(this.#parts, this.#config, { signal })
    const quotas = quotasOf(counts)
    const mover = new Mover(quotas)
    this.#tell({ state: 'moving', copiesPlanned: quotas.copies })
    const batch = Math.max(1, Math.min(BATCH_MAX, Math.floor(pinsPerSecond / 2)))
    const bucket = new TokenBucket(clock, { capacity: batch, perSecond: pinsPerSecond })
    for await (const moves of findMoves(this.#parts, this.#config, mover, { signal })) {
      for (let at = 0; at < moves.length; at += batch) {
        const some = moves.slice(at, at + batch)
        await bucket.take(some.length, signal)
        this.#checkTakers(counts)
        const written = await write(consensus, some, { signal })
        this.#tell({
          pinsMoved: this.#status.pinsMoved + written.length,
          copiesMoved: this.#status.copiesMoved + written.reduce((sum, { from }) => sum + from.length, 0),
          refusedCount: mover.refusedCount,
        })
      }
    }
    this.#tell({ refusedCount: mover.refusedCount })
  }

  /** What was counted holds as long as the peers are the same. */
  #checkTakers(counts: ReadonlyMap<PeerId, number>): void {
    const now = new Set(takersOf(this.#parts, this.#config))
    const lost = [...counts.keys()].find(peer => !now.has(peer))
    if (lost !== undefined)
      throw new ClusterError('CONFLICT', `peer ${lost} takes nothing new any more: see "peers ls"`)
  }

  #tell(change: Partial<RebalanceStatus>): void {
    this.#status = { ...this.#status, ...change }
  }
}

function isActive({ state }: RebalanceStatus): boolean {
  return state === 'planning' || state === 'moving'
}

function underWay(peer: PeerId): ClusterError {
  return new ClusterError(
    'CONFLICT',
    `peer ${peer} is spreading pins anew already: wait for it ("rebalance --status") or stop it ("rebalance --stop")`,
  )
}

/** Writes the entries that are still as they were when the move was decided. Answers with the moves that were begun. */
async function write(
  consensus: PlanComponents['consensus'],
  moves: readonly Move[],
  options: Options,
): Promise<readonly Move[]> {
  const present = await consensus.getMany(moves.map(({ pin }) => pin.cid))
  const made = moves.filter(({ pin }, at) => {
    const entry = present[at]
    return entry !== undefined && isSameRequest(entry, pin)
  })
  const entries = made.map(({ pin, allocations }) => ({ ...pin, allocations }))
  if (made.length > 0) await consensus.put(entries, { ...options, replacing: made.map(({ pin }) => pin) })
  return made
}
