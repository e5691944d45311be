import assert from 'node:assert/strict'
import test from 'node:test'
import { createNoopMeter } from '@opentelemetry/api'
import { eventually } from '../../test/support/eventually.ts'
import { type FakeNetwork, fakeNetwork } from '../../test/support/fake-network.ts'
import { numberedCid } from '../../test/support/numbered-cid.ts'
import { seededRandom } from '../../test/support/seeded-random.ts'
import { silentLogger } from '../../test/support/silent-logger.ts'
import type { Consensus } from '../interfaces.ts'
import { systemClock } from '../lib/clock.ts'
import { systemRandom } from '../lib/random.ts'
import { createIdentity, type Identity } from '../model/identity.ts'
import { toPin } from '../model/pin.ts'
import { type MemoryStore, openMemoryStore } from '../store/memory.ts'
import { toConsensusConfig } from './config.ts'
import { encodeEnvelope } from './envelope.ts'
import { openPinset } from './pinset.ts'
import { encodeChange } from './update.ts'

const { signal } = new AbortController()
const options = { signal }

interface Peer {
  readonly identity: Identity
  readonly store: MemoryStore
  readonly pinset: Consensus
}

function configFor(trustedPeers: readonly string[]) {
  return toConsensusConfig({
    cluster_name: 'test',
    trusted_peers: [...trustedPeers],
    batching: { max_batch_size: 0, max_batch_age: '0s', max_queue_size: 1000 },
    repair_interval: '1h',
    partitions: 128,
    memory_budget: 1024 * 1024,
    forget_peers_after: '720h',
    clock_drift_max: '5m',
  })
}

async function join(
  hub: FakeNetwork,
  stack: AsyncDisposableStack,
  { identity = createIdentity(), store = openMemoryStore(), trustedPeers = ['*'] as readonly string[] } = {},
): Promise<Peer> {
  const network = stack.use(hub.join(identity.id))
  const components = {
    identity,
    network,
    store,
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger(),
  }
  const pinset = stack.use(
    await openPinset({ ...components, meter: createNoopMeter() }, configFor(trustedPeers)),
  )
  return { identity, store, pinset }
}

/** Stands in for the heartbeat: every peer tells every other its digest, until disposed. */
function beat(hub: FakeNetwork, peers: readonly Peer[]): Disposable {
  const timer = setInterval(() => {
    for (const a of peers) {
      for (const b of peers) {
        if (hub.isConnected(a.identity.id, b.identity.id))
          b.pinset.noticeDigest(a.identity.id, a.pinset.rootDigest)
      }
    }
  }, 100)
  return { [Symbol.dispose]: () => clearInterval(timer) }
}

async function contents({ pinset }: Peer): Promise<string[]> {
  const all: string[] = []
  for await (const pin of pinset.pins({}, options)) all.push(`${pin.cid}=${pin.name}`)
  return all
}

async function equal(peers: readonly Peer[]): Promise<void> {
  await eventually(
    'all root digests are equal',
    () => new Set(peers.map(({ pinset }) => pinset.rootDigest)).size === 1,
    20_000,
  )
  const [first, ...others] = await Promise.all(peers.map(contents))
  for (const other of others) assert.deepEqual(other, first)
}

function pinOf(number: number, name = '') {
  return toPin(numberedCid(number), { name })
}

test('peers end with equal pinsets when half of the messages are lost, doubled and late', async () => {
  const hub = fakeNetwork({ clock: systemClock, random: seededRandom(7) })
  Object.assign(hub.faults, { lossShare: 0.5, duplicateShare: 0.3, delayMaxMs: 60 })
  await using stack = new AsyncDisposableStack()
  const peers = [await join(hub, stack), await join(hub, stack), await join(hub, stack)]
  stack.use(beat(hub, peers))
  const random = seededRandom(11)
  for (let round = 0; round < 150; round++) {
    const peer = peers[round % 3]
    const number = Math.floor(random.next() * 60)
    if (random.next() < 0.3) await peer?.pinset.remove([numberedCid(number)], options)
    else await peer?.pinset.put([pinOf(number, `r${round}`)], options)
  }
  await equal(peers)
})

test('two sides of a partition both take writes, and have all of them when they meet again', async () => {
  const hub = fakeNetwork({ clock: systemClock, random: seededRandom(3) })
  await using stack = new AsyncDisposableStack()
  const peers = [await join(hub, stack), await join(hub, stack), await join(hub, stack)] as const
  stack.use(beat(hub, peers))
  hub.isolate([peers[0].identity.id])
  await peers[0].pinset.put(
    Array.from({ length: 200 }, (_, index) => pinOf(index)),
    options,
  )
  await peers[1].pinset.put(
    Array.from({ length: 200 }, (_, index) => pinOf(1000 + index)),
    options,
  )
  hub.heal()
  await equal(peers)
  assert.equal(peers[2].pinset.pinsCount, 400)
})

test('a peer that joins late gets everything, and a crash loses nothing that was answered', async () => {
  const hub = fakeNetwork({ clock: systemClock, random: seededRandom(5) })
  await using stack = new AsyncDisposableStack()
  const first = await join(hub, stack)
  await first.pinset.put(
    Array.from({ length: 1500 }, (_, index) => pinOf(index)),
    options,
  )
  const late = await join(hub, stack)
  await eventually('the late peer has all pins', () => late.pinset.pinsCount === 1500, 20_000)
  const afterPowerCut = await join(fakeNetwork({ clock: systemClock, random: seededRandom(1) }), stack, {
    store: first.store.afterCrash(0),
    identity: first.identity,
  })
  assert.equal(afterPowerCut.pinset.pinsCount, 1500)
  assert.equal(afterPowerCut.pinset.rootDigest, late.pinset.rootDigest)
})

test('a writer that is not trusted changes nothing, and one that is trusted cannot write as another', async () => {
  const hub = fakeNetwork({ clock: systemClock, random: seededRandom(9) })
  await using stack = new AsyncDisposableStack()
  const friend = createIdentity()
  const guarded = await join(hub, stack, { trustedPeers: [friend.id] })
  const stranger = await join(hub, stack)
  const peers = [guarded, stranger]
  stack.use(beat(hub, peers))
  await stranger.pinset.put([pinOf(1)], options)
  const update = encodeChange({ client: 99, fromClock: 0, values: [Uint8Array.of(1, 2, 3, 4)], deletes: [] })
  const forged = encodeEnvelope({ ...stranger.identity, id: friend.id }, 1, [
    { partition: 1, time: { ms: 1, count: 0 }, update, deletedCids: [] },
  ])
  const network = stack.use(hub.join(friend.id))
  await network.publish('pinfold/pinset/2/test', forged)
  await guarded.pinset.put([pinOf(2)], options)
  await eventually('the stranger reads what the guarded peer wrote', () => stranger.pinset.pinsCount === 2)
  assert.deepEqual(await contents(guarded), [`${numberedCid(2)}=`])
})

test('a write in the place of an entry is left undone where another stands there by now', async () => {
  const hub = fakeNetwork({ clock: systemClock, random: seededRandom(7) })
  await using stack = new AsyncDisposableStack()
  const { pinset } = await join(hub, stack)
  const read = [1, 2, 3, 4].map(number => pinOf(number, 'read'))
  await pinset.put(read, options)
  await pinset.remove([numberedCid(1)], options)
  // Behind each other in the same queue: what is asked first is there when the second is worked out.
  const changed = pinset.put([pinOf(2, 'changed')], options)
  const next = read.map(pin => ({ ...pin, name: 'moved' }))
  await Promise.all([changed, pinset.put(next, { signal, replacing: read })])
  const names = (await pinset.getMany([1, 2, 3, 4].map(numberedCid))).map(pin => pin?.name)
  assert.deepEqual(names, [undefined, 'changed', 'moved', 'moved'])
})

test('what a user writes elsewhere wins over a write in the place of an entry, whichever was made later', async () => {
  const hub = fakeNetwork({ clock: systemClock, random: seededRandom(7) })
  await using stack = new AsyncDisposableStack()
  const peers = [await join(hub, stack), await join(hub, stack)] as const
  const [mover, user] = peers
  stack.use(beat(hub, peers))
  const read = [pinOf(1, 'read'), pinOf(2, 'read')]
  await mover.pinset.put(read, options)
  await equal(peers)
  hub.cut(mover.identity.id, user.identity.id)
  await user.pinset.put([pinOf(1, 'user')], options)
  await systemClock.sleep(20, signal)
  const next = read.map(pin => ({ ...pin, name: 'moved' }))
  await mover.pinset.put(next, { signal, replacing: read })
  assert.equal((await mover.pinset.get(numberedCid(1)))?.name, 'moved')
  hub.heal()
  await equal(peers)
  const names = (await mover.pinset.getMany([1, 2].map(numberedCid))).map(pin => pin?.name)
  assert.deepEqual(names, ['user', 'moved'])
})

test('what was removed stays removed when somebody moved it without knowing, and what was pinned again stays', async () => {
  const hub = fakeNetwork({ clock: systemClock, random: seededRandom(7) })
  await using stack = new AsyncDisposableStack()
  const peers = [await join(hub, stack), await join(hub, stack), await join(hub, stack)] as const
  const [mover, user, third] = peers
  stack.use(beat(hub, peers))
  const read = [1, 2, 3].map(number => pinOf(number, 'read'))
  await mover.pinset.put(read, options)
  await equal(peers)
  hub.cut(mover.identity.id, user.identity.id)
  hub.cut(mover.identity.id, third.identity.id)
  await user.pinset.remove([numberedCid(1), numberedCid(2)], options)
  await user.pinset.put([pinOf(2, 'again')], options)
  await equal([user, third])
  const moved = read.map(pin => ({ ...pin, name: 'moved' }))
  await mover.pinset.put(moved, { signal, replacing: read })
  const movedTwice = moved.map(pin => ({ ...pin, name: 'moved twice' }))
  await mover.pinset.put(movedTwice, { signal, replacing: moved })
  hub.heal()
  await equal(peers)
  for (const { pinset } of peers) {
    const names = (await pinset.getMany([1, 2, 3].map(numberedCid))).map(pin => pin?.name)
    assert.deepEqual(names, [undefined, 'again', 'moved twice'])
    assert.equal(pinset.pinsCount, 2)
  }
})
