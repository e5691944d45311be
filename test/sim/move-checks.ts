import type { PeerId } from '../../src/model/peer.ts'
import { takesNothing } from '../../src/model/peer-mark.ts'
import { isEverywhere } from '../../src/model/pin.ts'
import type { SimPeer } from './peer.ts'
import { FOREVER } from './world.ts'

const OPTIONS = { signal: FOREVER }

/**
 * What is not yet where it should be: undefined when no pin is allocated to a peer that leaves, and every pin has its least
 * number of copies on peers that live, as far as there are peers to take them.
 */
export async function notPlaced(peers: readonly SimPeer[]): Promise<string | undefined> {
  const [first] = peers
  const running = first?.running
  if (running?.mover === undefined) return 'the first peer does not run'
  const { consensus, mover } = running
  const marks = peers.map(({ id }) => mover.marks.of(id))
  const staying = marks.filter(mark => !mark.isDraining && !mark.isRemoved).map(({ peer }) => peer)
  const open = marks.filter(mark => !takesNothing(mark)).map(({ peer }) => peer)
  const isStaying = (peer: PeerId) => staying.includes(peer)
  for await (const pin of consensus.pins({}, OPTIONS)) {
    if (isEverywhere(pin)) continue
    const kept = pin.allocations.filter(isStaying)
    const possible = new Set([...kept, ...open]).size
    // With too few peers that could take it, it stays where it is.
    if (possible < Math.max(1, pin.replicationMin)) continue
    const where = `${pin.name} of ${pin.cid} is on ${pin.allocations.map(peer => peer.slice(-4))}`
    if (kept.length < pin.allocations.length) return `${where}, of which only ${kept.length} stay`
    if (kept.length < pin.replicationMin) return `${where}, too few for ${pin.replicationMin}`
  }
  return undefined
}
