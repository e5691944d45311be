import { createNoopMeter } from '@opentelemetry/api'
import { openPinset } from '../../src/consensus/pinset.ts'
import { SYNC_PROTOCOL } from '../../src/consensus/sync-protocol.ts'
import type { Consensus, Network } from '../../src/interfaces.ts'
import { toHex } from '../../src/lib/bytes.ts'
import type { Random } from '../../src/lib/random.ts'
import { toPin } from '../../src/model/pin.ts'
import { valueInformer } from '../../src/monitor/informers/value-informer.ts'
import { openMonitor } from '../../src/monitor/monitor.ts'
import { RPC_PROTOCOL } from '../../src/rpc/rpc.ts'
import { openMemoryStore } from '../../src/store/memory.ts'
import { monitorConfig } from '../support/monitor-config.ts'
import { silentLogger } from '../support/silent-logger.ts'
import { clockOf, Life } from './life.ts'
import { identityOf, pinsetConfig, type SimPeer } from './peer.ts'
import { FOREVER, type World } from './world.ts'

const HOSTILE_INDEX = 666
const EVERY_MS = 2000
const OPTIONS = { signal: FOREVER }
const HEARD_MAX = 200

/** A peer that has the secret but is not trusted, and means harm. */
interface Hostile {
  readonly world: World
  readonly peers: readonly SimPeer[]
  readonly random: Random
  readonly network: Network
  readonly pinset: Consensus
  /** Messages that it has heard, with their topics. */
  readonly heard: (readonly [topic: string, bytes: Uint8Array])[]
}

/** Lets a hostile peer act while `isGoing`; then it goes. */
export async function attack(world: World, peers: readonly SimPeer[], isGoing: () => boolean): Promise<void> {
  const life = new Life()
  const random = world.random('hostile')
  const identity = identityOf(world.plan.seed, HOSTILE_INDEX)
  const joined = world.hub.join(identity.id)
  const topics = new Set<string>()
  const subscribe: Network['subscribe'] = (topic, listener) => {
    topics.add(topic)
    return joined.subscribe(topic, listener)
  }
  const network = new Proxy(joined, {
    get: (target, name) => (name === 'subscribe' ? subscribe : bound(target, name)),
  })
  const clock = clockOf(life, world.clock, { offsetMs: 0 })
  const base = { identity, network, clock, random, logger: silentLogger(), meter: createNoopMeter() }
  const store = openMemoryStore()
  const pinset = await openPinset({ ...base, store }, pinsetConfig(world, undefined))
  const lie = valueInformer('pinset', world.plan.pingIntervalMs * 2, () => toHex(random.bytes(16)))
  const hello = async () => ({ peername: 'hostile', ipfsId: undefined, ipfsAddresses: [] })
  await openMonitor(
    { ...base, informers: [lie], hello },
    monitorConfig({ pingIntervalMs: world.plan.pingIntervalMs, checkIntervalMs: 60_000, clusterName: 'sim' }),
  )
  const hostile: Hostile = { world, peers, random, network, pinset, heard: [] }
  for (const topic of topics) {
    joined.subscribe(topic, bytes => {
      if (hostile.heard.length < HEARD_MAX) hostile.heard.push([topic, bytes])
      else hostile.heard[Math.floor(random.next() * HEARD_MAX)] = [topic, bytes]
    })
  }
  while (isGoing()) {
    await world.pause(EVERY_MS, random)
    void strike(hostile)
  }
  life.isOver = true
  world.hub.drop(identity.id)
}

/** A member of an object with private fields, to be called on that object. */
function bound(target: object, name: string | symbol): unknown {
  const member: unknown = Reflect.get(target, name, target)
  return typeof member === 'function' ? member.bind(target) : member
}

async function strike(hostile: Hostile): Promise<void> {
  const { world, random, network, pinset, heard } = hostile
  const [topic, message] = heard[Math.floor(random.next() * heard.length)] ?? ['nowhere', random.bytes(200)]
  const dice = Math.floor(random.next() * 7)
  world.noteFault('hostile act', String(dice))
  switch (dice) {
    case 0:
      return pinset.put(
        [toPin(world.cid(random), { name: 'evil', replicationMin: -1, replicationMax: -1 })],
        OPTIONS,
      )
    case 1:
      return pinset.remove([world.cid(random)], OPTIONS)
    case 2:
      return network.publish(topic, message)
    case 3:
      return network.publish(topic, damaged(message, random))
    case 4:
      return network.publish(topic, inNameOf(hostile, message))
    case 5:
      return network.publish(topic, random.bytes(Math.floor(random.next() * 500)))
    default:
      return ask(hostile)
  }
}

function damaged(message: Uint8Array, random: Random): Uint8Array {
  const bytes = message.slice(0, random.next() < 0.3 ? Math.floor(random.next() * message.length) : undefined)
  for (let flips = 1 + random.next() * 4; flips > 0; flips--) {
    const at = Math.floor(random.next() * bytes.length)
    bytes[at] = (bytes[at] ?? 0) ^ (1 << Math.floor(random.next() * 8))
  }
  return bytes
}

/** An own message with the name of a trusted peer in the place of the own. All names are equally long. */
function inNameOf({ random, network, peers }: Hostile, message: Uint8Array): Uint8Array {
  const bytes = Buffer.from(message)
  const other = peers[Math.floor(random.next() * peers.length)]
  const at = bytes.indexOf(network.self)
  if (other !== undefined && at >= 0) bytes.write(other.id, at)
  return new Uint8Array(bytes)
}

/** Nonsense in place of a question. */
async function ask({ world, peers, random, network }: Hostile): Promise<void> {
  const peer = peers[Math.floor(random.next() * peers.length)]
  const protocol = random.next() < 0.5 ? SYNC_PROTOCOL : RPC_PROTOCOL
  if (peer === undefined) return
  const question = async function* () {
    yield random.bytes(Math.floor(random.next() * 50))
  }
  try {
    for await (const answer of network.request(peer.id, protocol, question(), OPTIONS))
      world.trace.add(`the hostile peer is answered ${answer.length} bytes`)
  } catch (thrown) {
    world.trace.add(`the hostile peer is refused: ${String(thrown)}`)
  }
}
