import assert from 'node:assert/strict'
import test from 'node:test'
import { createNoopMeter, type Meter } from '@opentelemetry/api'
import { type FakeNetwork, fakeNetwork } from '../../test/support/fake-network.ts'
import { monitorConfig } from '../../test/support/monitor-config.ts'
import { seededRandom } from '../../test/support/seeded-random.ts'
import { silentLogger } from '../../test/support/silent-logger.ts'
import { type VirtualClock, virtualClock } from '../../test/support/virtual-clock.ts'
import type { Informer, Monitor, Network } from '../interfaces.ts'
import { createIdentity } from '../model/identity.ts'
import type { Alert, Measure } from '../model/metric.ts'
import { encodeHeartbeat, type Heartbeat } from './heartbeat.ts'
import { valueInformer } from './informers/value-informer.ts'
import { type MonitorParts, openMonitor } from './monitor.ts'

interface World {
  readonly clock: VirtualClock
  readonly hub: FakeNetwork
  readonly join: (
    options?: Partial<MonitorParts>,
  ) => Promise<{ peer: string; monitor: Monitor; network: Network }>
}

function world(): World {
  const clock = virtualClock()
  const random = seededRandom(7)
  const hub = fakeNetwork({ clock, random })
  return {
    clock,
    hub,
    join: async options => {
      const identity = options?.identity ?? createIdentity()
      const network = hub.join(identity.id)
      const hello = async () => ({ peername: 'one', ipfsId: undefined, ipfsAddresses: [] })
      const base = { clock, random, logger: silentLogger(), meter: createNoopMeter(), informers: [], hello }
      const monitor = await openMonitor(
        { ...base, network, identity, ...options },
        monitorConfig({ pingIntervalMs: 2000, checkIntervalMs: 15_000, clusterName: 'test' }),
      )
      return { peer: identity.id, monitor, network }
    },
  }
}

function informer(read: () => Promise<readonly Measure[]> | readonly Measure[]): Informer {
  return { name: 'test', read: async () => read() }
}

const freeSpace = (bytes: number): Measure => ({
  name: 'freespace',
  value: String(bytes),
  weight: bytes,
  isPartitionable: false,
  isValid: true,
  ttlMs: 30_000,
})

test('peers that connect know each other within a second', async () => {
  const { clock, join } = world()
  const a = await join()
  await clock.advance(1700)
  const b = await join()
  await clock.advance(1000)
  await using _ = stack(a.monitor, b.monitor)
  assert.deepEqual(a.monitor.peers(), [a.peer, b.peer].sort())
  assert.deepEqual(b.monitor.peers(), [a.peer, b.peer].sort())
  assert.equal(b.monitor.hello(a.peer)?.peername, 'one')
})

/** Every metric that runs out from now on. */
function alertsOf(monitor: Monitor): readonly Alert[] {
  const raised: Alert[] = []
  monitor.onAlert(alert => raised.push(alert))
  return raised
}

test('a peer that falls silent is unreachable after 8 seconds, raises one alert, and returns', async () => {
  const { clock, hub, join } = world()
  const [a, b] = [await join(), await join()]
  await using _ = stack(a.monitor, b.monitor)
  const raised = alertsOf(a.monitor)
  await clock.advance(3000)
  hub.cut(a.peer, b.peer)
  await clock.advance(5000)
  assert.deepEqual(a.monitor.peers(), [a.peer, b.peer].sort())
  await clock.advance(4000)
  assert.deepEqual(a.monitor.peers(), [a.peer])
  await clock.advance(60_000)
  assert.deepEqual(
    raised.map(alert => [alert.peer, alert.name]),
    [[b.peer, 'ping']],
  )
  hub.heal()
  await clock.advance(1000)
  assert.deepEqual(a.monitor.peers(), [a.peer, b.peer].sort())
})

test('a peer that should be there and was never heard is unreachable and gone after the usual times, and returns', async () => {
  const { clock, join } = world()
  const [a, b] = [await join(), createIdentity()]
  await using _a = a.monitor
  const told: string[] = []
  const c = await join({ known: () => [b.id] })
  await using _c = c.monitor
  c.monitor.onHealth(({ peer, condition }) => void (peer === b.id && told.push(condition)))
  await clock.advance(6000)
  const known = () => c.monitor.health().map(({ peer }) => peer)
  assert.ok(!known().includes(b.id), 'it has time to come')
  assert.ok(!c.monitor.peers().includes(b.id))
  await clock.advance(4000)
  assert.deepEqual(told, ['unreachable'])
  assert.ok(known().includes(b.id))
  assert.equal(c.monitor.health().find(({ peer }) => peer === b.id)?.heardAtMs, undefined)
  c.monitor.expect([b.id, c.peer])
  await clock.advance(60_000)
  assert.deepEqual(told, ['unreachable', 'gone'])
  const late = await join({ identity: b })
  await clock.advance(1000)
  assert.equal(c.monitor.health().find(({ peer }) => peer === late.peer)?.condition, 'alive')
  assert.deepEqual(told, ['unreachable', 'gone', 'alive'])
  await late.monitor[Symbol.asyncDispose]()
})

test('every third heartbeat lost is no reason for an alert', async () => {
  const { clock, hub, join } = world()
  const [a, b] = [await join(), await join()]
  await using _ = stack(a.monitor, b.monitor)
  const raised = alertsOf(a.monitor)
  await clock.advance(3000)
  for (let round = 0; round < 100; round += 1) {
    hub.faults.lossShare = 1
    await clock.advance(2000)
    hub.faults.lossShare = 0
    await clock.advance(4000)
    assert.ok(a.monitor.peers().includes(b.peer), `round ${round}`)
  }
  assert.deepEqual(raised, [])
})

test('what an informer measures is told to all, and no more once it fails', async () => {
  const { clock, join } = world()
  let bytes = 5
  const disk = informer(() => {
    if (bytes === 0) throw new Error('no disk')
    return [freeSpace(bytes)]
  })
  const [a, b] = [await join({ informers: [disk] }), await join()]
  await using _ = stack(a.monitor, b.monitor)
  await clock.advance(3000)
  assert.deepEqual(
    b.monitor.latest('freespace').map(metric => [metric.peer, metric.value]),
    [[a.peer, '5']],
  )
  assert.equal(a.monitor.latest('freespace').length, 1)
  assert.deepEqual(b.monitor.metricNames(), ['freespace', 'ping'])
  bytes = 6
  await clock.advance(18_000)
  assert.equal(b.monitor.latest('freespace')[0]?.value, '6')
  bytes = 0
  await clock.advance(50_000)
  assert.deepEqual(b.monitor.latest('freespace'), [])
  assert.ok(b.monitor.peers().includes(a.peer))
})

test('an informer that hangs delays no heartbeat', async () => {
  const { clock, join } = world()
  const [a, b] = [await join({ informers: [informer(() => new Promise(() => undefined))] }), await join()]
  const raised = alertsOf(b.monitor)
  await clock.advance(60_000)
  assert.ok(b.monitor.peers().includes(a.peer))
  assert.deepEqual(raised, [])
  await b.monitor[Symbol.asyncDispose]()
})

test('beat measures anew and sends at once', async () => {
  const { clock, join } = world()
  let bytes = 5
  const [a, b] = [await join({ informers: [informer(() => [freeSpace(bytes)])] }), await join()]
  await using _ = stack(a.monitor, b.monitor)
  await clock.advance(3000)
  bytes = 7
  await a.monitor.beat()
  await clock.advance(0)
  assert.equal(b.monitor.latest('freespace')[0]?.value, '7')
})

test('metrics of others are told as they arrive, also the digests of the informer for values', async () => {
  const { clock, join } = world()
  let digest = 'one'
  const a = await join({ informers: [valueInformer('pinset', 4000, () => digest)] })
  const b = await join()
  await using _ = stack(a.monitor, b.monitor)
  const seen = new Set<string>()
  using _listening = b.monitor.onMetric(metric => seen.add(`${metric.name} ${metric.peer === a.peer}`))
  await clock.advance(3000)
  digest = 'two'
  await clock.advance(4100)
  assert.equal(b.monitor.latest('pinset')[0]?.value, 'two')
  assert.deepEqual([...seen].sort(), ['ping true', 'pinset true'])
})

test('when hello fails, the last answer is told again', async () => {
  const { clock, join } = world()
  let isUp = true
  const hello = async () => {
    if (!isUp) throw new Error('IPFS is down')
    const ipfsAddresses = ['/ip4/127.0.0.1/tcp/4001', '/ip4/10.1.2.3/tcp/4001', '/dns4/a.example/tcp/4001']
    return { peername: 'two', ipfsId: 'ipfs', ipfsAddresses }
  }
  const [a, b] = [await join({ hello }), await join()]
  await using _ = stack(a.monitor, b.monitor)
  await clock.advance(3000)
  isUp = false
  await clock.advance(60_000)
  assert.deepEqual(b.monitor.hello(a.peer), {
    peername: 'two',
    ipfsId: 'ipfs',
    ipfsAddresses: ['/ip4/10.1.2.3/tcp/4001', '/dns4/a.example/tcp/4001'],
  })
})

test('what is no heartbeat changes nothing', async () => {
  const { clock, hub, join } = world()
  const a = await join()
  await using _ = stack(a.monitor)
  const stranger = hub.join(createIdentity().id)
  await clock.advance(3000)
  await stranger.publish('pinfold/heartbeat/1/test', Uint8Array.of(1, 2, 3))
  await clock.advance(0)
  assert.deepEqual(a.monitor.peers(), [a.peer])
})

/** A meter that counts what is added to counters, by their labels. */
function countingMeter(): { readonly meter: Meter; readonly counts: Map<string, number> } {
  const counts = new Map<string, number>()
  const meter: Meter = Object.assign(createNoopMeter(), {
    createCounter: (name: string) => ({
      add: (value: number, labels: object = {}) => {
        const key = [name, ...Object.values(labels)].join(' ')
        counts.set(key, (counts.get(key) ?? 0) + value)
      },
    }),
  })
  return { meter, counts }
}

test('heartbeats that are forged, replayed, absurd or of another time are refused, counted, and never used', async () => {
  const { clock, hub, join } = world()
  const { meter, counts } = countingMeter()
  const a = await join({ meter })
  await using _ = stack(a.monitor)
  const times: string[] = []
  using _beats = a.monitor.onBeat(({ peer, sentAtMs }) => times.push(`${peer} ${sentAtMs - clock.now()}`))
  const identity = createIdentity()
  const network = hub.join(identity.id)
  let sequence = 0
  const send = async (options: Partial<Heartbeat>, signer = identity) => {
    sequence += 1
    const hello = { peername: 'stranger', ipfsId: undefined, ipfsAddresses: [] }
    const base = {
      peer: identity.id,
      boot: '0123456789abcdef',
      sequence,
      sentAtMs: clock.now(),
      intervalMs: 2000,
    }
    const beat = { ...base, hello, measures: [freeSpace(5)], missed: [], isLeaving: false, ...options }
    const bytes = encodeHeartbeat(beat, 'test', signer)
    await network.publish('pinfold/heartbeat/1/test', bytes)
    await clock.advance(0)
    return bytes
  }
  await clock.advance(1)
  await send({ sentAtMs: clock.now() - 3_600_001 })
  await send({ sentAtMs: clock.now() + 3_600_001 })
  await send({}, createIdentity())
  await send({ peer: a.peer })
  await send({ intervalMs: 1 })
  await send({ measures: [freeSpace(-1)] })
  assert.deepEqual(a.monitor.peers(), [a.peer])
  assert.deepEqual(a.monitor.latest('freespace'), [])
  const taken = await send({})
  assert.deepEqual(a.monitor.peers(), [a.peer, identity.id].sort())
  await clock.advance(20_000)
  await network.publish('pinfold/heartbeat/1/test', taken)
  await clock.advance(0)
  assert.deepEqual(a.monitor.peers(), [a.peer])
  const refused = (reason: string) => counts.get(`ipfscluster_monitor_heartbeats_refused_total ${reason}`)
  assert.deepEqual(
    ['from_the_past', 'from_the_future', 'bad_signature', 'not_its_own', 'absurd', 'replayed'].map(refused),
    [1, 1, 1, 1, 2, 1],
  )
  assert.deepEqual(times, [`${identity.id} -3600001`, `${identity.id} 3600001`, `${identity.id} 0`])
})

test('a peer that stops in order is suspect at once, and alive when it is back', async () => {
  const { clock, hub, join } = world()
  const [a, b] = [await join(), await join()]
  await using _ = stack(a.monitor)
  await clock.advance(10_000)
  const changes: string[] = []
  using _health = a.monitor.onHealth(({ peer, condition }) => changes.push(`${peer === b.peer} ${condition}`))
  await b.monitor[Symbol.asyncDispose]()
  hub.drop(b.peer)
  await clock.advance(50_000)
  assert.deepEqual(changes, ['true suspect', 'true unreachable'])
  await clock.advance(15_000)
  assert.deepEqual(changes.slice(2), ['true gone'])
  const health = a.monitor.health().find(({ peer }) => peer === b.peer)
  assert.ok(health?.condition === 'gone' && Number.isFinite(health.phi))
})

test('a cluster on a bad network takes nobody for gone but the one that dies, and all agree on that', async () => {
  const { clock, hub, join } = world()
  const all = await Promise.all(Array.from({ length: 8 }, () => join()))
  await using _ = stack(...all.slice(1).map(({ monitor }) => monitor))
  hub.faults.lossShare = 0.05
  hub.faults.delayMaxMs = 300
  const gone: string[] = []
  for (const { monitor } of all)
    monitor.onHealth(({ peer, condition }) => (condition === 'gone' ? gone.push(peer) : undefined))
  await clock.advance(300_000)
  assert.deepEqual(gone, [])
  const [dead] = all
  hub.drop(dead?.peer ?? '')
  await clock.advance(17_000)
  assert.deepEqual(
    gone.filter(peer => peer === dead?.peer),
    Array.from({ length: 7 }, () => dead?.peer),
  )
  await dead?.monitor[Symbol.asyncDispose]()
})

function stack(...all: AsyncDisposable[]): AsyncDisposableStack {
  const owned = new AsyncDisposableStack()
  for (const each of all) owned.use(each)
  return owned
}
