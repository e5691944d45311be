import assert from 'node:assert/strict'
import { it } from 'node:test'
import { createNoopMeter } from '@opentelemetry/api'
import { encodeEnvelope } from '../../src/consensus/envelope.ts'
import { openPinset } from '../../src/consensus/pinset.ts'
import { encodeItem, encodeRecord } from '../../src/consensus/record.ts'
import { encodeRequest, readChunks, SYNC_PROTOCOL } from '../../src/consensus/sync-protocol.ts'
import { encodeChange } from '../../src/consensus/update.ts'
import { ClusterError } from '../../src/errors.ts'
import type { Consensus, Network, RpcHandlers } from '../../src/interfaces.ts'
import { concatBytes } from '../../src/lib/bytes.ts'
import { type Clock, systemClock } from '../../src/lib/clock.ts'
import { formatCid } from '../../src/model/cid.ts'
import { createIdentity, type Identity } from '../../src/model/identity.ts'
import { toPin } from '../../src/model/pin.ts'
import { isProcedure, PROCEDURES } from '../../src/rpc/procedures.ts'
import { openRpc } from '../../src/rpc/rpc.ts'
import { openMemoryStore } from '../../src/store/memory.ts'
import { eventually } from '../support/eventually.ts'
import { type FakeNetwork, fakeNetwork } from '../support/fake-network.ts'
import { numberedCid } from '../support/numbered-cid.ts'
import { openRealNetwork } from '../support/real-network.ts'
import { EXAMPLES } from '../support/rpc-examples.ts'
import { seededRandom } from '../support/seeded-random.ts'
import { silentLogger } from '../support/silent-logger.ts'
import { virtualClock } from '../support/virtual-clock.ts'
import { fuzzConfig, PARTITIONS } from './world.ts'

const { signal } = new AbortController()
const options = { signal }
const TOPIC = 'pinfold/pinset/2/fuzz'

interface Peer {
  readonly identity: Identity
  readonly network: Network
  readonly pinset: Consensus
}

async function join(
  parts: { readonly hub: FakeNetwork; readonly stack: AsyncDisposableStack; readonly clock?: Clock },
  trustedPeers: readonly string[],
  identity = createIdentity(),
): Promise<Peer> {
  const { hub, stack, clock = systemClock } = parts
  const network = stack.use(hub.join(identity.id))
  const pinset = stack.use(await openOn(network, identity, trustedPeers, clock))
  return { identity, network, pinset }
}

function openOn(network: Network, identity: Identity, trustedPeers: readonly string[], clock: Clock) {
  const components = { identity, network, store: openMemoryStore(), clock, random: seededRandom(7) }
  const rest = { logger: silentLogger(), meter: createNoopMeter() }
  return openPinset({ ...components, ...rest }, fuzzConfig(trustedPeers))
}

async function namesOf(pinset: Consensus): Promise<readonly string[]> {
  const names: string[] = []
  for await (const page of pinset.pins({}, options))
    for (const pin of [page].flat()) names.push(`${formatCid(pin.cid)} ${pin.name}`)
  return names
}

/** An envelope with one new pin under any client id, in any name, signed by whomever. */
function forged(signer: Identity, name: string, client: number, number: number): Uint8Array {
  const record = encodeRecord({
    time: { ms: Date.now(), count: 0 },
    pin: toPin(numberedCid(number), { name: 'forged' }),
  })
  const values = [encodeItem(numberedCid(number).bytes, record)]
  const update = encodeChange({ client, fromClock: 0, values, deletes: [] })
  const changes = Array.from({ length: PARTITIONS }, (_, partition) => ({
    partition,
    time: { ms: Date.now(), count: 0 },
    update,
    deletedCids: [],
  }))
  const whole = encodeEnvelope({ ...signer, id: name, sign: () => new Uint8Array() }, 1, changes)
  return concatBytes([whole, signer.sign(whole)])
}

async function* once(message: Uint8Array): AsyncGenerator<Uint8Array> {
  yield message
}

async function collect<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const found: Item[] = []
  for await (const item of items) found.push(item)
  return found
}

it('a peer that has the secret but is not trusted changes no pinset, by whatever route', async () => {
  await using stack = new AsyncDisposableStack()
  const hub = fakeNetwork({ clock: systemClock, random: seededRandom(1) })
  const [friendIdentity, hostileIdentity] = [createIdentity(), createIdentity()]
  const victim = await join({ hub, stack }, [friendIdentity.id])
  const friend = await join({ hub, stack }, [victim.identity.id], friendIdentity)
  const heard: Uint8Array[] = []
  friend.network.subscribe(TOPIC, bytes => heard.push(bytes))
  // The hostile one runs the real program with pins of its own, trusts itself, and tells everyone to.
  const hostile = await join({ hub, stack }, ['*'], hostileIdentity)
  hostile.network.subscribe(TOPIC, bytes => heard.push(bytes))
  await friend.pinset.put(
    [toPin(numberedCid(1), { name: 'one' }), toPin(numberedCid(2), { name: 'two' })],
    options,
  )
  await friend.pinset.remove([numberedCid(2)], options)
  await eventually('the friend is believed', async () => (await namesOf(victim.pinset)).length === 1)
  const before = await namesOf(victim.pinset)
  const digestBefore = victim.pinset.rootDigest

  await hostile.pinset.put([toPin(numberedCid(3), { name: 'hostile' })], options)
  await hostile.pinset.remove([numberedCid(1)], options)
  const vouching = hostile.pinset.setTrusted(hostileIdentity.id, true, options)
  await assert.rejects(vouching, { code: 'REFUSED' })
  for (let number = 10; number < 20; number++) {
    for (const name of [hostileIdentity.id, friendIdentity.id, victim.identity.id, 'nobody', ''])
      await hostile.network.publish(TOPIC, forged(hostileIdentity, name, number, number))
  }
  for (const envelope of heard.slice()) {
    await hostile.network.publish(TOPIC, envelope)
    for (const at of [0, 40, 70, envelope.length - 1]) {
      const changed = Uint8Array.from(envelope)
      changed[at] = (changed[at] ?? 0) ^ 1
      await hostile.network.publish(TOPIC, changed)
    }
  }
  for (let count = 0; count < 20; count++)
    victim.pinset.noticeDigest(hostileIdentity.id, hostile.pinset.rootDigest)
  // Long enough for every comparison that could have been begun.
  await systemClock.sleep(1500, signal)
  assert.deepEqual(await namesOf(victim.pinset), before)
  assert.equal(victim.pinset.rootDigest, digestBefore)
  assert.equal(victim.pinset.isTrusted(hostileIdentity.id), false)
  await friend.pinset.put([toPin(numberedCid(5), { name: 'five' })], options)
  await eventually('the friend is still believed', async () => (await namesOf(victim.pinset)).length === 2)
})

it('a digest that differs draws nobody to a peer that is not trusted', async () => {
  await using stack = new AsyncDisposableStack()
  const clock = virtualClock()
  const hub = fakeNetwork({ clock, random: seededRandom(1) })
  const hostile = stack.use(hub.join(createIdentity().id))
  let asked = 0
  hostile.serve(SYNC_PROTOCOL, async function* () {
    asked++
    yield new Uint8Array(2000)
  })
  const victim = await join({ hub, stack, clock }, ['nobody'])
  for (let count = 0; count < 60; count++) {
    victim.pinset.noticeDigest(hostile.self, count.toString(16).padStart(32, '0'))
    await clock.advance(1000)
  }
  assert.equal(asked, 0)
})

it('one who is not trusted reaches no procedures but the two that are open', async () => {
  await using stack = new AsyncDisposableStack()
  const hub = fakeNetwork({ clock: systemClock, random: seededRandom(1) })
  const victim = await join({ hub, stack }, ['nobody'])
  const hostile = stack.use(hub.join(createIdentity().id))
  let reached = 0
  const note = async function* () {
    reached++
    yield* []
  }
  // A parsing edge: every name of the table, the same handler for each.
  const handlers = Object.fromEntries(
    Object.keys(PROCEDURES).map(name => [name, note]),
  ) as unknown as RpcHandlers
  const isTrusted = (peer: string) => victim.pinset.isTrusted(peer)
  const rest = { handlers, isTrusted, clock: systemClock, logger: silentLogger(), meter: createNoopMeter() }
  stack.use(openRpc({ ...rest, network: victim.network }))
  const rpc = stack.use(openRpc({ ...rest, network: hostile }))
  for (const name of Object.keys(PROCEDURES).filter(isProcedure)) {
    const [{ input } = { input: undefined }] = EXAMPLES[name]
    const call = collect(rpc.call(victim.network.self, name, input, options))
    if (name === 'id' || name === 'holds') await call
    else await assert.rejects(call, { code: 'FORBIDDEN' }, name)
  }
  assert.equal(reached, 2)
})

it('a hundred thousand messages of strangers hold up no write and leave nothing behind', async () => {
  await using stack = new AsyncDisposableStack()
  const hub = fakeNetwork({ clock: systemClock, random: seededRandom(1) })
  const hostileIdentity = createIdentity()
  const victim = await join({ hub, stack }, ['nobody'])
  const hostile = stack.use(hub.join(hostileIdentity.id))
  const envelope = forged(hostileIdentity, hostileIdentity.id, 1, 1)
  const began = process.cpuUsage()
  const before = process.memoryUsage()
  let written = 0
  for (let sent = 0; sent < 100_000; sent++) {
    await hostile.publish(TOPIC, envelope)
    if (sent % 10_000 !== 0) continue
    await victim.pinset.put([toPin(numberedCid(sent), { name: 'own' })], options)
    written++
  }
  const { user } = process.cpuUsage(began)
  assert.equal(victim.pinset.pinsCount, written)
  const after = process.memoryUsage()
  assert.ok(after.heapUsed + after.arrayBuffers - before.heapUsed - before.arrayBuffers < 64 * 1024 * 1024)
  // Verifying a signature alone takes about 100 microseconds: it is not even looked at.
  assert.ok(user / 100_000 < 60, `${user / 100_000} microseconds for each message`)
})

it('a trusted peer that lies when it is asked is asked more and more seldom', async () => {
  const lies: readonly (() => AsyncGenerator<Uint8Array>)[] = [
    async function* () {
      yield new Uint8Array(3000)
    },
    async function* () {
      for (;;) yield Uint8Array.of(0, 0)
    },
    async function* () {
      for (;;) yield Uint8Array.of(0, 0, ...new Uint8Array(1024 * 1024))
    },
    async function* () {
      for (let count = 0; ; count++) yield seededRandom(count).bytes(100)
    },
    async function* () {
      yield* []
      throw new Error('not now')
    },
  ]
  for (const lie of lies) {
    await using stack = new AsyncDisposableStack()
    const clock = virtualClock()
    const hub = fakeNetwork({ clock, random: seededRandom(1) })
    const liar = stack.use(hub.join(createIdentity().id))
    const honest = await join({ hub, stack, clock }, ['*'])
    let [asked, pulled] = [0, 0]
    // First what an honest peer would say of digests that are not true, so that states are asked for; then the lie.
    liar.serve(SYNC_PROTOCOL, async function* (input) {
      asked++
      for await (const message of input) {
        const isPull = message[0] === 2
        if (isPull) pulled++
        if (isPull) yield* lie()
        else for (const answer of await askHonestly(liar, honest, message)) yield falsified(answer)
        return
      }
    })
    const victim = await join({ hub, stack, clock }, [liar.self])
    for (let second = 0; second < 300; second++) {
      victim.pinset.noticeDigest(liar.self, second.toString(16).padStart(32, '0'))
      await clock.advance(1000)
    }
    assert.ok(asked > 0, 'the liar was never asked')
    assert.ok(asked < 200, `${asked} questions and ${pulled} states in 300 seconds`)
    assert.deepEqual(await namesOf(victim.pinset), [])
    await victim.pinset.put([toPin(numberedCid(1))], options)
  }
})

function askHonestly(from: Network, { network }: Peer, message: Uint8Array): Promise<Uint8Array[]> {
  return collect(from.request(network.self, SYNC_PROTOCOL, once(message), options))
}

/** The same answer with every digest at its end set to ones; the head of an overview stays. */
function falsified(answer: Uint8Array): Uint8Array {
  const changed = Uint8Array.from(answer)
  if (answer.length === 0) return changed
  return changed.fill(255, answer.length > 64 * 16 ? answer.length - 64 * 16 : 0)
}

it('whoever asks without end is answered at a rate, and own writes go on', async () => {
  await using stack = new AsyncDisposableStack()
  const clock = virtualClock()
  const hub = fakeNetwork({ clock, random: seededRandom(1) })
  const victim = await join({ hub, stack, clock }, ['nobody'])
  const pins = Array.from({ length: 200 }, (_, number) => toPin(numberedCid(number)))
  const running = { isOver: false }
  const advancing = (async () => {
    while (!running.isOver) await clock.advance(1)
  })()
  await victim.pinset.put(pins, options)
  const hostile = stack.use(hub.join(createIdentity().id))
  const partitions = Array.from({ length: 64 }, (_, index) => ({
    partition: index % PARTITIONS,
    clocks: new Map(),
  }))
  const request = encodeRequest({ kind: 'pull', partitions })
  let [answered, refused] = [0, 0]
  const beganMs = clock.monotonic()
  const ask = async () => {
    for (let count = 0; count < 40; count++) {
      try {
        for (const chunk of await collect(
          hostile.request(victim.network.self, SYNC_PROTOCOL, once(request), options),
        ))
          for (const { isLast } of readChunks(chunk)) answered += isLast ? 1 : 0
      } catch (thrown) {
        if (!(thrown instanceof ClusterError)) throw thrown
        refused++
      }
    }
  }
  const asking = Promise.all(Array.from({ length: 40 }, ask))
  for (let count = 0; count < 20; count++)
    await victim.pinset.put([toPin(numberedCid(1000 + count))], options)
  await asking
  running.isOver = true
  await advancing
  const seconds = (clock.monotonic() - beganMs) / 1000
  assert.ok(refused > 0, 'nothing was refused')
  assert.ok(answered <= 16_384 + 1024 * (seconds + 1), `${answered} partitions in ${seconds} seconds`)
  assert.equal(victim.pinset.pinsCount, 220)
})

it('over real connections: garbage of a peer with the secret ends no other peer, though all are trusted', async () => {
  const [identity, hostileIdentity] = [createIdentity(), createIdentity()]
  await using stack = new AsyncDisposableStack()
  const { network } = await openRealNetwork({}, identity)
  stack.use(network)
  const victim = stack.use(await openOn(network, identity, ['*'], systemClock))
  const { network: hostile } = await openRealNetwork({ peerAddresses: network.addresses() }, hostileIdentity)
  stack.use(hostile)
  let heard = 0
  network.subscribe(TOPIC, () => void heard++)
  hostile.subscribe(TOPIC, () => undefined)
  const random = seededRandom(3)
  const names = ['nobody', '', '12D3KooW', identity.id, 'ü'.repeat(20)]
  const garbage = [
    new Uint8Array(1),
    random.bytes(100),
    random.bytes(900_000),
    ...names.map((name, index) => forged(hostileIdentity, name, index, index)),
  ]
  await eventually(
    'everything has come',
    async () => {
      for (const bytes of garbage) await hostile.publish(TOPIC, concatBytes([bytes, random.bytes(1)]))
      await systemClock.sleep(100, signal)
      return heard >= garbage.length
    },
    30_000,
  )
  for (const bytes of [Uint8Array.of(9), random.bytes(4_000_000), Uint8Array.of(2, 255, 255, 127)]) {
    const asked = collect(hostile.request(network.self, SYNC_PROTOCOL, once(bytes), options))
    await assert.rejects(asked, { code: 'PEER_UNREACHABLE' })
  }
  await victim.put([toPin(numberedCid(1))], options)
  assert.equal(victim.pinsCount, 1)
})
