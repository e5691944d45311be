import { createHash } from 'node:crypto'
import type { Random } from '../../src/lib/random.ts'
import { type Cid, cidKey } from '../../src/model/cid.ts'
import type { PeerId } from '../../src/model/peer.ts'
import type { FakeIpfs } from '../support/fake-ipfs.ts'
import type { FakeNetwork } from '../support/fake-network.ts'
import { fakeNetwork } from '../support/fake-network.ts'
import { numberedCid } from '../support/numbered-cid.ts'
import { seededRandom } from '../support/seeded-random.ts'
import { type VirtualClock, virtualClock } from '../support/virtual-clock.ts'
import type { DiskLies } from './disk.ts'
import { Ledger } from './ledger.ts'
import type { MovePlan } from './move-plan.ts'
import { MoveWatch } from './move-watch.ts'
import { Oracle } from './oracle.ts'
import { Trace, Violation } from './trace.ts'

/** Faults put in on purpose through the seams. All off in an honest run. */
export interface Lies extends DiskLies {
  /** Every life of a peer draws the same incarnation. */
  readonly reusesIncarnation: boolean
}

/** No fault but those that the daemon must stand. */
export const HONEST: Lies = { answersBeforeSync: false, tearsBatches: false, reusesIncarnation: false }

/** What a seed decides before a run begins. */
export interface Plan {
  readonly seed: number
  readonly peersCount: number
  /** Peers that come later. */
  readonly joinersCount: number
  readonly hasHostile: boolean
  readonly partitionsCount: number
  readonly memoryBudgetBytes: number
  readonly repairIntervalMs: number
  readonly pingIntervalMs: number
  readonly recoverIntervalMs: number
  readonly cidsCount: number
  readonly chaosMs: number
  /** Mean pauses of the two actors. */
  readonly writeEveryMs: number
  readonly faultEveryMs: number
  /** Absent = nobody moves content. */
  readonly moves?: MovePlan
  /** How often users of the Pinning Service API do something; 0 = there are none. */
  readonly requestsCount: number
  /** Whether operators distrust peers for a while. */
  readonly hasDistrust: boolean
  /** How many pins of a kind the trackers keep in memory while they wait. */
  readonly windowMax: number
}

/** The plan of a seed. */
export function planOf(seed: number): Plan {
  const random = seededRandom(seed ^ 0x5eed)
  const pick = <Choice>(...choices: readonly [Choice, ...Choice[]]): Choice =>
    choices[Math.floor(random.next() * choices.length)] ?? choices[0]
  // The same number of events in a short time and in a long one, in which peers tidy up between them.
  const chaosMs = pick(15_000, 30_000, 60_000, 120_000, 240_000)
  return {
    seed,
    peersCount: pick(2, 3, 3, 4, 5),
    joinersCount: pick(0, 1, 2),
    hasHostile: pick(true, false, false),
    partitionsCount: pick(1, 2, 8, 64),
    memoryBudgetBytes: pick(4000, 100_000, 64 * 1024 * 1024),
    repairIntervalMs: pick(60_000, 3_600_000),
    pingIntervalMs: pick(5000, 15_000),
    recoverIntervalMs: pick(60_000, 720_000),
    cidsCount: pick(4, 10, 30),
    chaosMs,
    writeEveryMs: chaosMs / pick(10, 20, 60),
    faultEveryMs: chaosMs / pick(6, 12, 30),
    requestsCount: pick(0, 0, 15, 60),
    hasDistrust: pick(true, false, false),
    windowMax: pick(1, 3, 10_000),
  }
}

/** Everything around the peers, decided by one seed. */
export class World {
  readonly plan: Plan
  readonly lies: Lies
  readonly clock: VirtualClock = virtualClock()
  readonly trace: Trace
  readonly hub: FakeNetwork
  readonly ledger = new Ledger()
  readonly oracle: Oracle
  readonly moves: MoveWatch
  /** How often each kind of fault was put in. */
  readonly faults = new Map<string, number>()
  /** Peers that the others should know: those that ever ran. Nobody knows them where no content moves. */
  known: readonly PeerId[] = []
  /** Peers that were distrusted at some time. */
  readonly distrusted = new Set<PeerId>()
  /** Peer → its IPFS node. */
  readonly nodes = new Map<PeerId, FakeIpfs>()
  violation: Violation | undefined

  constructor(plan: Plan, lies: Lies, tell?: (line: string) => void) {
    this.plan = plan
    this.lies = lies
    this.trace = new Trace(() => this.clock.monotonic(), tell)
    this.hub = fakeNetwork({ clock: this.clock, random: this.random('network') })
    this.moves = new MoveWatch({
      nowMs: () => this.clock.monotonic(),
      isConnected: (a, b) => this.hub.isConnected(a, b),
      tell: line => this.trace.add(line),
      fail: what => this.fail(what),
    })
    this.oracle = new Oracle({
      ledger: this.ledger,
      moves: this.moves,
      nowMs: () => this.clock.monotonic(),
      fail: what => this.fail(what),
    })
  }

  /** A source of chance of its own for each purpose, so that what one draws does not shift the others. */
  random(purpose: string): Random {
    const digest = createHash('sha256').update(`${this.plan.seed} ${purpose}`).digest()
    return seededRandom(digest.readUInt32BE(0))
  }

  /** The first violation counts; the run ends soon. */
  fail(what: string): void {
    this.trace.add(`VIOLATION ${what}`)
    this.violation ??= new Violation(what)
  }

  noteFault(kind: string, detail = ''): void {
    this.faults.set(kind, (this.faults.get(kind) ?? 0) + 1)
    this.trace.add(`fault ${kind} ${detail}`)
  }

  /** Whether the IPFS node of a peer has a content. */
  readonly holds = (peer: PeerId, key: string): boolean => this.nodes.get(peer)?.held.has(key) === true

  /** The IPFS node of a peer is about to lose a content, or all. */
  noteHeld(peer: PeerId, cid?: Cid): void {
    const held = this.nodes.get(peer)?.held ?? new Map<string, unknown>()
    const keys = cid === undefined ? [...held.keys()] : [cidKey(cid)].filter(key => held.has(key))
    for (const key of keys) this.moves.noteHeld(peer, key)
  }

  /** One of the contents that all write about. */
  cid(random: Random): Cid {
    return numberedCid(Math.floor(random.next() * this.plan.cidsCount))
  }

  async pause(meanMs: number, random: Random): Promise<void> {
    const ms = -Math.log(1 - random.next()) * meanMs
    await this.clock.sleep(Math.min(ms, meanMs * 5), FOREVER)
  }
}

/** A signal that never aborts. */
export const FOREVER: AbortSignal = new AbortController().signal
