import type { PeerId } from '../../src/model/peer.ts'
import type { SimPeer } from './peer.ts'
import { FOREVER, type World } from './world.ts'

const OPTIONS = { signal: FOREVER }

/** An operator says at one peer whether another is trusted. Nobody need wait for it. */
export function sayTrusted(world: World, at: SimPeer, peer: PeerId, isTrusted: boolean): void {
  if (!isTrusted) world.distrusted.add(peer)
  const what = `peer ${at.index} is told that ${peer.slice(-4)} is ${isTrusted ? '' : 'not '}trusted`
  void at.ask(async ({ consensus, life }) => {
    world.trace.add(what)
    await consensus.setTrusted(peer, isTrusted, OPTIONS)
    await life.goOn()
    world.trace.add(`done: ${what}`)
  })
}

/** At every peer it is said at last that all others are trusted, so that whoever was not is heard again. */
export function restoreTrust(world: World, peers: readonly SimPeer[]): void {
  for (const at of peers) {
    for (const peer of world.distrusted) if (peer !== at.id) sayTrusted(world, at, peer, true)
  }
}
