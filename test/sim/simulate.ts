import { checkEnd, notTracked, notYet } from './final-checks.ts'
import { attack } from './hostile.ts'
import { notPlaced } from './move-checks.ts'
import type { MoveCounts } from './move-watch.ts'
import { breakThings, CLOCK_JUMP_MS_MAX, mend } from './nemesis.ts'
import { careForPeers, sayLastWords } from './operator.ts'
import { identityOf, SimPeer } from './peer.ts'
import { notServed, useRequests } from './request-users.ts'
import { restoreTrust } from './trust.ts'
import { useCluster } from './workload.ts'
import { HONEST, type Lies, type Plan, planOf, World } from './world.ts'

/** How long peers that can talk again may take until their pinsets are equal and they know who lives. */
const CONVERGE_MS_MAX = 120_000
/** How long trackers may take after that: failed pins have retry times of up to ten minutes. */
const TRACK_MS_MAX = 40 * 60_000
/** How long it may take until the content of every request is pinned. */
const SERVE_MS_MAX = 180_000
/** How long it may take after that until nothing is allocated any more to peers that leave. */
const PLACE_MS_MAX = 15 * 60_000
/** A few double moves no single race explains, but several do. */
const UNEXPLAINED_MAX = 2
const STEP_MS = 1000

/** What came of a run. */
export interface Report {
  readonly seed: number
  /** What went wrong first; undefined when nothing did. */
  readonly violation: string | undefined
  /** Hash over all events: equal for equal seeds. */
  readonly traceDigest: string
  readonly eventsCount: number
  readonly simulatedMs: number
  readonly writesCount: number
  readonly faults: ReadonlyMap<string, number>
  readonly moves: MoveCounts
}

/** What may be asked of a run besides its seed. */
export interface SimulateOptions {
  readonly lies?: Partial<Lies>
  /** Told of every event. */
  readonly tell?: (line: string) => void
  /** Changes the plan that the seed decides. */
  readonly plan?: Partial<Plan>
}

/**
 * Runs a cluster of real pinsets, trackers, monitors and RPC on simulated clocks, chance, network, IPFS nodes and disks. First
 * users write while things break; then everything is mended, and the peers must come to agree in time.
 */
export async function simulate(seed: number, options: SimulateOptions = {}): Promise<Report> {
  const plan = { ...planOf(seed), ...options.plan }
  const world = new World(plan, { ...HONEST, ...options.lies }, options.tell)
  const ids = Array.from({ length: plan.peersCount + plan.joinersCount }, (_, at) => identityOf(seed, at).id)
  const trusted = new Set(ids)
  const all = ids.map((_, index) => new SimPeer(world, index, trusted))
  const peers = all.slice(0, plan.peersCount)
  const waiting = all.slice(plan.peersCount)
  const present = () => peers.filter(({ hasLeft }) => !hasLeft)
  const know = () => {
    if (plan.moves !== undefined) world.known = peers.map(({ id }) => id)
  }
  world.moves.lives = () =>
    peers
      .filter(({ running }) => running !== undefined)
      .map(({ index, lifeNumber }) => `${index}:${lifeNumber}`)
  const join = () => {
    const peer = waiting.shift()
    if (peer !== undefined) peers.push(peer)
    know()
    return peer
  }
  know()
  world.trace.add(JSON.stringify(plan))
  for (const peer of peers) void peer.boot()
  await world.clock.advance(STEP_MS)
  const isGoing = () => world.clock.monotonic() < plan.chaosMs && world.violation === undefined
  void useCluster(world, peers, isGoing)
  void useRequests(world, peers, isGoing)
  void breakThings({ world, present, join }, isGoing)
  if (plan.hasHostile) void attack(world, peers, isGoing)
  void careForPeers(world, peers, isGoing)
  while (isGoing()) await step(world, peers)
  if (world.violation === undefined) await heal(world, peers, present)
  return {
    seed,
    violation: world.violation?.message,
    traceDigest: world.trace.digest(),
    eventsCount: world.trace.eventsCount,
    simulatedMs: world.clock.monotonic(),
    writesCount: [...world.ledger.all()].length,
    faults: world.faults,
    moves: world.moves.counts(),
  }
}

/** A second passes. */
async function step(world: World, peers: readonly SimPeer[]): Promise<void> {
  world.moves.look(peers)
  await world.clock.advance(STEP_MS)
}

async function heal(world: World, all: readonly SimPeer[], present: () => readonly SimPeer[]): Promise<void> {
  const { trace, clock } = world
  trace.add('heal')
  // What is still being done to peers, a stop that waits or a start that is due, ends first.
  mend(world, present())
  for (let steps = 0; steps < 30; steps++) await step(world, all)
  mend(world, present())
  if (world.distrusted.size > 0) {
    restoreTrust(world, present())
    for (let steps = 0; steps < 5; steps++) await step(world, all)
  }
  // A word about trust waits until it is due when the clock was ahead by which it was said.
  const convergeMsMax = CONVERGE_MS_MAX + (world.distrusted.size > 0 ? CLOCK_JUMP_MS_MAX : 0)
  await until(world, all, convergeMsMax, () => notYet(present()))
  if (world.plan.moves !== undefined) {
    await sayLastWords(world, all, () => step(world, all))
    await until(world, all, PLACE_MS_MAX, () => notPlaced(present()))
  }
  await until(world, all, SERVE_MS_MAX, () => notServed(present()))
  // What has expired may be asked for, and is pinned again.
  const isSettled = async () => (await notTracked(present())) ?? (await notServed(present()))
  await until(world, all, TRACK_MS_MAX, isSettled)
  await until(world, all, convergeMsMax, () => notYet(present()))
  const { movesCount, unexplainedCount } = world.moves.counts()
  if (unexplainedCount > UNEXPLAINED_MAX + movesCount / 20)
    world.fail(`${unexplainedCount} of ${movesCount} moves were made twice by peers that saw the same`)
  if (world.violation !== undefined) return
  const checks = { areDone: false }
  const check = checkEnd(world, present())
    .catch((thrown: unknown) => world.fail(`the checks ended with ${textOfThrown(thrown)}`))
    .finally(() => {
      checks.areDone = true
    })
  for (let steps = 0; !checks.areDone && steps < 60; steps++) await clock.advance(STEP_MS)
  if (!checks.areDone) return world.fail('the peers do not answer in the end')
  await check
  await Promise.all([stopAll(world, present()), clock.advance(10_000)])
}

function textOfThrown(thrown: unknown): string {
  return thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown)
}

async function stopAll(world: World, peers: readonly SimPeer[]): Promise<void> {
  await Promise.all(peers.map(peer => peer.stop()))
}

/** Lets time pass until the answer is undefined; anything else after the deadline is a violation. */
async function until(
  world: World,
  all: readonly SimPeer[],
  limitMs: number,
  ask: () => Promise<string | undefined>,
): Promise<void> {
  const { clock } = world
  const beganMs = clock.monotonic()
  for (;;) {
    const answer = world.violation === undefined ? await ask() : undefined
    if (answer === undefined) return
    if (clock.monotonic() - beganMs > limitMs) return world.fail(`not within ${limitMs / 1000} s: ${answer}`)
    await step(world, all)
  }
}
