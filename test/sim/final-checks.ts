import { cidKey } from '../../src/model/cid.ts'
import { keepersNeeded } from '../../src/model/holds.ts'
import type { Pin } from '../../src/model/pin.ts'
import { isAllocatedTo, modeOf } from '../../src/model/pin.ts'
import type { PinStatus } from '../../src/model/pin-status.ts'
import { covers, reconcile } from '../../src/pintracker/reconcile.ts'
import { audit } from './audit.ts'
import { pinsIn } from './oracle.ts'
import type { Running, SimPeer } from './peer.ts'
import { REQUESTS } from './request-users.ts'
import { FOREVER, type World } from './world.ts'

const OPTIONS = { signal: FOREVER }

/** What is not as it must be in the end: undefined when everything is. Asked again and again until a deadline. */
export async function notYet(peers: readonly SimPeer[]): Promise<string | undefined> {
  const running: Running[] = []
  for (const peer of peers) {
    if (peer.running === undefined) return `peer ${peer.index} does not run`
    running.push(peer.running)
  }
  const roots = new Set(running.map(({ consensus }) => consensus.rootDigest))
  if (roots.size > 1) return 'the root digests differ'
  const ids = peers.map(({ id }) => id).sort()
  for (const [at, { monitor }] of running.entries()) {
    if (monitor.peers().join() !== ids.join()) return `peer ${peers[at]?.index} takes others for living`
  }
  return undefined
}

const UNSETTLED: ReadonlySet<PinStatus> = new Set<PinStatus>([
  'pin_error',
  'unpin_error',
  'pin_queued',
  'unpin_queued',
  'pinning',
  'unpinning',
])

/** Whether enough of those that are to keep it are there: nobody lets go of it for peers that have left for good. */
function areKept(pin: Pin, peers: readonly SimPeer[]): boolean {
  return peers.filter(({ id }) => pin.allocations.includes(id)).length >= keepersNeeded(pin)
}

/** What has yet to expire, or to be done by trackers; undefined when IPFS holds what the pinset says. */
export async function notTracked(peers: readonly SimPeer[]): Promise<string | undefined> {
  for (const peer of peers) {
    if (peer.running === undefined) return `peer ${peer.index} does not run`
    for await (const { cid, status } of peer.running.tracker.statuses(UNSETTLED, OPTIONS))
      return `the tracker of peer ${peer.index} has ${cid} as ${status}`
    const pins = new Map<string, Pin>()
    for await (const pin of pinsIn(peer.disk.contents)) {
      pins.set(cidKey(pin.cid), pin)
      if (pin.expireAtMs !== undefined) return `${pin.cid} expires at ${pin.expireAtMs} and is still there`
    }
    const held = new Set<string>()
    for await (const [cid, mode] of peer.ipfs.allPinned(OPTIONS)) {
      held.add(cidKey(cid))
      const pin = pins.get(cidKey(cid))
      const isSurplus =
        reconcile(pin, mode, peer.id) === 'unpin' && (pin === undefined || areKept(pin, peers))
      if (isSurplus && !peer.mayKeep.has(cidKey(cid))) return `IPFS of peer ${peer.index} still holds ${cid}`
      if (pin !== undefined && isAllocatedTo(pin, peer.id) && !covers(mode, modeOf(pin)))
        return `IPFS of peer ${peer.index} holds ${cid} as ${mode}`
    }
    for (const [key, pin] of pins) {
      if (isAllocatedTo(pin, peer.id) && !held.has(key)) return `IPFS of peer ${peer.index} lacks ${pin.cid}`
    }
  }
  return undefined
}

/** All peers agree; now what they agree upon is compared with what was written, and with what each has on disk. */
export async function checkEnd(world: World, peers: readonly SimPeer[]): Promise<void> {
  const listings: Map<string, string>[] = []
  for (const peer of peers) {
    if (peer.running === undefined) return world.fail(`peer ${peer.index} does not run at the end`)
    const { consensus } = peer.running
    const listing = new Map<string, string>()
    for (const range of [{}, REQUESTS])
      for await (const pin of consensus.pins(range, OPTIONS)) listing.set(cidKey(pin.cid), textOf(pin))
    listings.push(listing)
    const { rootDigest, pinsCount } = consensus
    // A copy, since the peer goes on with its work.
    for (const fault of await audit(peer.disk.contents.copy(), world.plan.partitionsCount, pinsCount))
      world.fail(`peer ${peer.index}: ${fault}`)
    if ((await peer.digestFromDisk()) !== rootDigest)
      world.fail(`peer ${peer.index} has kept another root digest than it reads from its disk`)
  }
  const [first = new Map<string, string>()] = listings
  for (const [at, listing] of listings.entries()) {
    if (JSON.stringify([...listing]) !== JSON.stringify([...first]))
      world.fail(`with equal digests peer ${peers[at]?.index} lists other pins than peer ${peers[0]?.index}`)
  }
  for (const cid of world.ledger.byCid.keys()) world.oracle.checkEnd(cid, nameOf(first.get(cid)))
  await checkStatuses(world, peers)
}

/** Every peer asks every other for all statuses: what comes through the codec is what the other has. */
async function checkStatuses(world: World, peers: readonly SimPeer[]): Promise<void> {
  for (const asking of peers) {
    for (const asked of peers) {
      if (asking.running === undefined || asked.running === undefined) continue
      const expected: string[] = []
      for await (const pin of asked.running.consensus.pins({}, OPTIONS))
        expected.push(`${isAllocatedTo(pin, asked.id) ? 'pinned' : 'remote'} ${textOf(pin)}`)
      const told: string[] = []
      const filter = { filter: undefined }
      for await (const { status, pin } of asking.running.rpc.call(asked.id, 'statuses', filter, OPTIONS))
        told.push(`${status} ${pin === undefined ? '' : textOf(pin)}`)
      const at = expected.findIndex((line, index) => told[index] !== line)
      if (at >= 0 || told.length !== expected.length)
        world.fail(
          `peer ${asked.index} tells ${asking.index} of ${told.length} pins, ${told[at]}, not ${expected[at]}`,
        )
    }
  }
}

/** A pin as text, the same for the same content. */
function textOf(pin: Pin): string {
  const fields = Object.entries({ ...pin, cid: pin.cid.toString(), pinUpdate: pin.pinUpdate?.toString() })
  return JSON.stringify(Object.fromEntries(fields.sort(([a], [b]) => (a < b ? -1 : 1))))
}

function nameOf(text: string | undefined): string | undefined {
  const pin: unknown = text === undefined ? undefined : JSON.parse(text)
  return typeof pin === 'object' && pin !== null && 'name' in pin ? String(pin.name) : undefined
}
