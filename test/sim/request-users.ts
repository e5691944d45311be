import type { PinRequests } from '../../src/interfaces.ts'
import type { Random } from '../../src/lib/random.ts'
import type { Cid } from '../../src/model/cid.ts'
import { EVERY_REQUEST } from '../../src/model/pin-request.ts'
import { numberedCid } from '../support/numbered-cid.ts'
import type { Running, SimPeer } from './peer.ts'
import { FOREVER, type World } from './world.ts'

const BY = { owner: '', isEveryOwner: true, signal: FOREVER }
/** All requests, as a range of the pinset. */
export const REQUESTS = { ...EVERY_REQUEST, types: new Set(['request'] as const) }
/** Contents that only requests are about. */
const OWN = { from: 1000, count: 3 }

/** What users of the Pinning Service API do, while `isGoing`: few contents, which others pin and unpin as well. */
export async function useRequests(
  world: World,
  peers: readonly SimPeer[],
  isGoing: () => boolean,
): Promise<void> {
  const { requestsCount, chaosMs } = world.plan
  if (requestsCount === 0) return
  const random = world.random('requests')
  while (isGoing()) {
    await world.pause(chaosMs / requestsCount, random)
    const running = peers.filter(peer => peer.running !== undefined)
    const peer = running[Math.floor(random.next() * running.length)]
    if (peer === undefined || !isGoing()) continue
    const draws = { dice: random.next(), cid: contentFor(world, random), which: random.next() }
    void peer.ask(async ({ requests, consensus }) => act(world, requests, consensus, draws))
  }
}

function contentFor(world: World, random: Random): Cid {
  return random.next() < 0.3
    ? world.cid(random)
    : numberedCid(OWN.from + Math.floor(random.next() * OWN.count))
}

async function act(
  { ledger }: World,
  requests: PinRequests,
  consensus: Running['consensus'],
  { dice, cid, which }: { readonly dice: number; readonly cid: Cid; readonly which: number },
): Promise<void> {
  const wanted = { cid, name: ledger.nextName(), meta: {}, origins: [] }
  if (dice < 0.5) {
    await requests.add(wanted, BY)
    return
  }
  const ids: Cid[] = []
  for await (const { cid: id } of consensus.pins(REQUESTS, { signal: FOREVER })) ids.push(id)
  const id = ids[Math.floor(which * ids.length)]
  if (id === undefined) return
  if (dice < 0.9) await requests.remove(id, BY)
  else await requests.replace(id, wanted, BY)
}

/** Content that a living request is about and that is not pinned; undefined when all is. */
export async function notServed(peers: readonly SimPeer[]): Promise<string | undefined> {
  const [first] = peers
  if (first?.running === undefined) return 'the first peer does not run'
  const { consensus } = first.running
  for await (const { name, reference } of consensus.pins(REQUESTS, { signal: FOREVER })) {
    if (reference !== undefined && (await consensus.get(reference)) === undefined)
      return `${reference} is not pinned, though request ${name} asks for it`
  }
  return undefined
}
