import type { Random } from '../../src/lib/random.ts'
import type { Cid } from '../../src/model/cid.ts'
import { type Pin, toPin } from '../../src/model/pin.ts'
import type { SimPeer } from './peer.ts'
import { FOREVER, type World } from './world.ts'

const BULK_MAX = 12

/** What users do, while `isGoing`: several peers write about few contents, without waiting for each other. */
export async function useCluster(
  world: World,
  peers: readonly SimPeer[],
  isGoing: () => boolean,
): Promise<void> {
  const random = world.random('workload')
  while (isGoing()) {
    await world.pause(world.plan.writeEveryMs, random)
    const running = peers.filter(peer => peer.running !== undefined)
    const peer = running[Math.floor(random.next() * running.length)]
    if (peer === undefined || !isGoing()) continue
    // What a peer that dies was asked for is never answered.
    void act(world, peers, peer, random)
  }
}

async function act(world: World, peers: readonly SimPeer[], peer: SimPeer, random: Random): Promise<void> {
  const cid = world.cid(random)
  const cids = () => [
    ...new Set(Array.from({ length: 2 + random.next() * BULK_MAX }, () => world.cid(random))),
  ]
  const fresh = (of: Cid, more: Partial<Pin> = {}) => pinFor(world, peers, random, of, more)
  const dice = random.next()
  if (dice < 0.38) return peer.put([fresh(cid)])
  if (dice < 0.48)
    return peer.put(
      distinct(cids()).map((each, at) => fresh(each, { name: `${world.ledger.nextName()}.${at}` })),
    )
  if (dice < 0.52) return putAgain(world, peer, cid)
  if (dice < 0.6) return peer.put([fresh(cid, { pinUpdate: world.cid(random) })])
  if (dice < 0.7) {
    const inMs = 5000 + random.next() * 120_000
    return peer.put([fresh(cid, { expireAtMs: Math.floor((world.clock.now() + inMs) / 1000) * 1000 })])
  }
  if (dice < 0.88) return removeShown(world, peer, [cid])
  if (dice < 0.93) return removeShown(world, peer, distinct(cids()))
  return askStatus(world, peers, peer, cid, random)
}

function distinct(cids: readonly Cid[]): Cid[] {
  return [...new Map(cids.map(cid => [cid.toString(), cid])).values()]
}

function pinFor(world: World, peers: readonly SimPeer[], random: Random, cid: Cid, more: Partial<Pin>): Pin {
  const { plan, ledger, clock } = world
  if (plan.moves !== undefined) {
    const min = 1 + Math.floor(random.next() * 2)
    return toPin(cid, {
      name: ledger.nextName(),
      replicationMin: min,
      replicationMax: min + Math.floor(random.next() * 2),
      timestampMs: clock.now(),
      ...more,
    })
  }
  const isPlaced = random.next() < 0.2
  const chosen = peers.filter(() => random.next() < 0.5).map(({ id }) => id)
  const copies = isPlaced && chosen.length > 0 ? 1 : -1
  return toPin(cid, {
    name: world.ledger.nextName(),
    mode: random.next() < 0.1 ? 'direct' : 'recursive',
    replicationMin: copies,
    replicationMax: copies,
    allocations: copies < 0 ? [] : chosen,
    timestampMs: world.clock.now(),
    ...more,
  })
}

/** Asks for what the peer's view shows already. */
async function putAgain({ ledger, oracle, plan }: World, peer: SimPeer, cid: Cid): Promise<void> {
  // Where content moves, an entry says where it was placed last, and no two writes can be told apart by that.
  if (plan.moves !== undefined) return
  const name = oracle.shown(peer.index, cid)
  const write = name === undefined ? undefined : ledger.byName.get(name)
  if (write?.pin === undefined) return
  await peer.put([write.pin])
}

/** As users do, who are told that what is not pinned cannot be unpinned. */
async function removeShown({ oracle }: World, peer: SimPeer, cids: readonly Cid[]): Promise<void> {
  const shown = cids.filter(cid => oracle.shown(peer.index, cid) !== undefined)
  if (shown.length > 0) await peer.remove(shown)
}

/** Asks another peer about a content, through the codec and back. */
async function askStatus(
  world: World,
  peers: readonly SimPeer[],
  peer: SimPeer,
  cid: Cid,
  random: Random,
): Promise<void> {
  const other = peers[Math.floor(random.next() * peers.length)]
  if (peer.running === undefined || other === undefined) return
  const { life, rpc } = peer.running
  try {
    for await (const info of rpc.call(other.id, 'status', { cid }, { signal: FOREVER })) {
      await life.goOn()
      if (info.pin !== undefined && !world.oracle.isTrue(info.pin))
        world.fail(`peer ${other.index} answers with a pin that nobody wrote: ${info.pin.name}`)
      world.trace.add(`peer ${peer.index} hears from ${other.index}: ${info.status}`)
    }
  } catch (thrown) {
    await life.goOn()
    world.trace.add(`peer ${peer.index} gets no answer: ${String(thrown)}`)
  }
}
