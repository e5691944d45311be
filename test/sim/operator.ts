import { ClusterError, messageOf } from '../../src/errors.ts'
import type { Random } from '../../src/lib/random.ts'
import type { MarkChange } from '../../src/model/peer-care.ts'
import type { SimPeer } from './peer.ts'
import { FOREVER, type World } from './world.ts'

const OPTIONS = { signal: FOREVER }
const MAINTENANCE_MS = { min: 60_000, more: 120_000 }
const REBALANCE_SHARE = 0.25
const ANSWER_STEPS_MAX = 60

/** What operators say of peers, while `isGoing`. */
export async function careForPeers(
  world: World,
  peers: readonly SimPeer[],
  isGoing: () => boolean,
): Promise<void> {
  const { moves } = world.plan
  if (moves === undefined) return
  const random = world.random('operator')
  const one = <Item>(items: readonly Item[]) => items[Math.floor(random.next() * items.length)]
  while (isGoing()) {
    await world.pause(moves.sayEveryMs, random)
    const by = one(peers.filter(({ running }) => running !== undefined))
    const peer = one(peers)
    if (by === undefined || peer === undefined || !isGoing()) continue
    if (random.next() < REBALANCE_SHARE) void rebalance(world, by)
    else void say(world, by, peer, changeFor(world, peer, random))
  }
}

function changeFor(world: World, peer: SimPeer, random: Random): MarkChange {
  const dice = random.next()
  const isAway = peer.hasLeft || peer.running === undefined
  if (dice < 0.35) return { isCordoned: true, isDraining: true }
  if (dice < (isAway ? 0.7 : 0.45)) return REMOVED
  if (dice < 0.75) return { isCordoned: false, isDraining: false, isRemoved: false }
  if (dice < 0.85) return { isCordoned: true }
  const forMs = MAINTENANCE_MS.min + random.next() * MAINTENANCE_MS.more
  return { maintenanceUntilMs: Math.floor(world.clock.now() + forMs) }
}

const REMOVED = { isCordoned: false, isDraining: false, isRemoved: true, maintenanceUntilMs: undefined }

/** Has the pins spread anew by one peer. */
async function rebalance(world: World, by: SimPeer): Promise<void> {
  await by.ask(async ({ life, mover }) => {
    world.trace.add(`operator at peer ${by.index}: rebalance`)
    await mover?.rebalance.start({ pinsPerSecond: 2, signal: FOREVER })
    await life.goOn()
    world.noteFault('rebalance', `peer ${by.index}`)
  })
}

/** Says it through one peer, as its API would. */
async function say(world: World, by: SimPeer, peer: SimPeer, change: MarkChange): Promise<void> {
  const { running } = by
  if (running?.mover === undefined) return
  const { life, mover } = running
  const what = `operator at peer ${by.index} of peer ${peer.index}: ${JSON.stringify(change)}`
  world.trace.add(what)
  try {
    await life.bind(mover.marks.set({ ...mover.marks.of(peer.id), ...change, peer: peer.id }, OPTIONS))
    world.trace.add(`done: ${what}`)
  } catch (thrown) {
    if (!(thrown instanceof ClusterError) || thrown.code === 'INTERNAL') throw thrown
    world.trace.add(`refused: ${what}: ${messageOf(thrown)}`)
  }
}

/**
 * What operators have to say at last, so that content can be where it should: maintenance ends, peers that are lost are removed
 * where so many are that the others take it for a partition, and now and then otherwise.
 */
export async function sayLastWords(
  world: World,
  all: readonly SimPeer[],
  step: () => Promise<void>,
): Promise<void> {
  const random = world.random('last words')
  const [by] = all.filter(({ running }) => running !== undefined)
  if (by === undefined) return
  const left = all.filter(({ hasLeft }) => hasLeft)
  const areMany = left.length * 2 >= all.length - 1
  const isRemoving = areMany || random.next() < 0.5
  const work: Promise<void>[] = []
  for (const peer of all) {
    if (peer.hasLeft && isRemoving) work.push(say(world, by, peer, REMOVED))
    else if (peer.hasLeft || random.next() < 0.5)
      work.push(say(world, by, peer, { ...REMOVED, isRemoved: false }))
    else work.push(say(world, by, peer, { maintenanceUntilMs: undefined }))
  }
  const state = { areSaid: false }
  const done = Promise.all(work).finally(() => {
    state.areSaid = true
  })
  for (let steps = 0; !state.areSaid && steps < ANSWER_STEPS_MAX; steps++) await step()
  if (!state.areSaid) return world.fail('what operators say is not taken in the end')
  await done
}
