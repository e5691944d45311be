import assert from 'node:assert/strict'
import test from 'node:test'
import { createNoopMeter } from '@opentelemetry/api'
import { exampleAlert } from '../../test/support/echo-insight.ts'
import { fakeConsensus } from '../../test/support/fake-consensus.ts'
import { numberedCid } from '../../test/support/numbered-cid.ts'
import { seededRandom } from '../../test/support/seeded-random.ts'
import { silentLogger } from '../../test/support/silent-logger.ts'
import { virtualClock } from '../../test/support/virtual-clock.ts'
import type { Monitor, PinTracker } from '../interfaces.ts'
import { Emitter } from '../lib/emitter.ts'
import type { ClusterAlert } from '../model/alert.ts'
import type { ClusterEvent, EventQuery } from '../model/cluster-event.ts'
import type { Metric } from '../model/metric.ts'
import type { PeerHealth } from '../model/peer-health.ts'
import { toPin } from '../model/pin.ts'
import type { StatusChange } from '../model/pin-status.ts'
import { EventRing } from './event-ring.ts'
import { openEvents } from './events.ts'
import { PinChanges } from './pin-changes.ts'

const { signal } = new AbortController()

function ringOf(max: number, incarnation = '0123456789abcdef'): EventRing {
  return new EventRing({ self: 'me', incarnation, max, clock: { now: () => 0 } })
}

function tellPin(ring: EventRing, number: number): void {
  ring.push({ kind: 'pin', cid: numberedCid(number), change: 'set', name: String(number) })
}

function nameOf(event: ClusterEvent | undefined): string {
  return event?.kind === 'pin' ? event.name : (event?.kind ?? '')
}

/** The next events of a reader, one after the other. */
function reader(ring: EventRing, query: EventQuery = {}) {
  const pages = ring.read(query, { signal })
  let page: readonly ClusterEvent[] = []
  return {
    pages,
    async next(): Promise<ClusterEvent> {
      while (page.length === 0) page = (await pages.next()).value ?? []
      const [first, ...rest] = page
      page = rest
      if (first === undefined) throw new Error('the reading has ended')
      return first
    },
  }
}

test('a reader sees all that happens from now on, in order, and goes on behind a cursor without a gap', async () => {
  const ring = ringOf(1000)
  tellPin(ring, 0)
  const one = reader(ring)
  assert.equal((await one.next()).kind, 'alive')
  for (let number = 1; number <= 600; number++) tellPin(ring, number)
  const seen: ClusterEvent[] = []
  for (let count = 0; count < 600; count++) seen.push(await one.next())
  assert.deepEqual(
    seen.map(nameOf),
    Array.from({ length: 600 }, (_, at) => String(at + 1)),
  )
  const two = reader(ring, { after: seen[299]?.id ?? '' })
  assert.equal((await two.next()).kind, 'alive')
  assert.equal(nameOf(await two.next()), '301')
})

test('a cursor behind which events are gone, of another run or of the future leads to one reset, and then on', async () => {
  const ring = ringOf(10)
  const one = reader(ring)
  const { id: begin } = await one.next()
  for (let number = 1; number <= 11; number++) tellPin(ring, number)
  const other = ringOf(10, 'fedcba9876543210')
  tellPin(other, 1)
  const foreign = (await reader(other).next()).id
  const future = `${begin.split('-')[0]}-500`
  for (const after of [begin, foreign, future]) {
    const late = reader(ring, { after })
    await late.next()
    assert.equal((await late.next()).kind, 'reset', after)
    tellPin(ring, 100)
    assert.equal(nameOf(await late.next()), '100')
  }
  ring.lose()
  tellPin(ring, 101)
  assert.equal((await one.next()).kind, 'reset')
  await assert.rejects(reader(ring, { after: 'yesterday' }).next(), { code: 'INVALID_ARGUMENT' })
})

test('only what is asked for is told, and signs of life take the cursor past the rest', async () => {
  const ring = ringOf(4)
  const one = reader(ring, { kinds: new Set(['status']) })
  const two = reader(ring, { cid: numberedCid(2) })
  await Promise.all([one.next(), two.next()])
  const next = Promise.all([one.next(), two.next()])
  for (let number = 1; number <= 3; number++) tellPin(ring, number)
  await new Promise(resolve => setImmediate(resolve))
  ring.pulse()
  const [alive, found] = await next
  assert.equal(alive.kind, 'alive')
  assert.equal(nameOf(found), '2')
  const resumed = reader(ring, { after: alive.id })
  await resumed.next()
  for (let number = 4; number <= 6; number++) tellPin(ring, number)
  assert.equal(nameOf(await resumed.next()), '4')
})

test('a thousand readers that stand still hold nothing, and one that leaves is forgotten', async () => {
  const ring = ringOf(10_000)
  const readers = Array.from({ length: 1000 }, () => reader(ring))
  await Promise.all(readers.map(one => one.next()))
  assert.equal(ring.readersCount, 1000)
  for (let number = 1; number <= 10; number++) tellPin(ring, number)
  for (const one of readers) assert.equal(nameOf(await one.next()), '1')
  await Promise.all(readers.map(({ pages }) => pages.return(undefined)))
  assert.equal(ring.readersCount, 0)
})

test('pins, states, peers and alerts become events', async () => {
  const clock = virtualClock()
  const consensus = fakeConsensus()
  const [statuses, metrics, alerts, health] = [
    new Emitter<StatusChange>(),
    new Emitter<Metric>(),
    new Emitter<ClusterAlert>(),
    new Emitter<PeerHealth>(),
  ]
  const tracker: Pick<PinTracker, 'onStatus'> = { onStatus: listener => statuses.on(listener) }
  const monitor: Pick<Monitor, 'peers' | 'hello' | 'onMetric' | 'onHealth'> = {
    peers: () => ['me', 'old'],
    hello: peer => ({ peername: `name of ${peer}`, ipfsId: undefined, ipfsAddresses: [] }),
    onMetric: listener => metrics.on(listener),
    onHealth: listener => health.on(listener),
  }
  const parts = { clock, random: seededRandom(1), logger: silentLogger(), meter: createNoopMeter() }
  await using events = openEvents({
    self: 'me',
    consensus,
    tracker,
    monitor,
    alerts: { onAlert: listener => alerts.on(listener) },
    ...parts,
  })
  const pages = events.events({}, { signal })[Symbol.asyncIterator]()
  await pages.next()
  const [cid, gone] = [numberedCid(1), numberedCid(2)]
  await consensus.put([toPin(cid, { name: 'site' }), toPin(gone, {})], { signal })
  await consensus.remove([gone], { signal })
  await new Promise(resolve => setImmediate(resolve))
  await consensus.put([toPin(cid, { name: 'page' })], { signal })
  await new Promise(resolve => setImmediate(resolve))
  const base = { cid, timestampMs: 0, isPriority: false }
  statuses.emit({ ...base, status: 'pin_error', error: 'no', reason: 'TIMEOUT', attemptCount: 2 })
  const ping = { name: 'ping', value: '', weight: 0, isPartitionable: false, isValid: true, ttlMs: 1 }
  const times = { receivedAtMs: 0, expireAtMs: 1 }
  for (const peer of ['old', 'new', 'new']) metrics.emit({ ...ping, ...times, peer })
  const silent = { peer: 'new', phi: 20, heardAtMs: 0, sinceMs: 1 }
  for (const condition of ['suspect', 'unreachable', 'gone'] as const) health.emit({ ...silent, condition })
  for (const alert of [{ ...exampleAlert('new'), clearedAtMs: undefined }, exampleAlert('new')])
    alerts.emit(alert)
  const { value } = await pages.next()
  const told: readonly ClusterEvent[] = value ?? []
  const texts = told.map(event => {
    if (event.kind === 'pin') return `${event.kind} ${event.change} ${event.cid.toString()} ${event.name}`
    if (event.kind === 'status') return `${event.kind} ${event.status} ${event.reason ?? ''}`
    if (event.kind === 'alert') return `${event.change} ${event.alert.kind}`
    return event.kind === 'peer' ? `${event.change} ${event.peername}` : event.kind
  })
  assert.deepEqual(texts, [
    `pin added ${cid.toString()} site`,
    `pin added ${gone.toString()} `,
    `pin removed ${gone.toString()} `,
    `pin changed ${cid.toString()} page`,
    'status pin_error TIMEOUT',
    'joined name of new',
    'left name of new',
    'raised peer-unreachable',
    'cleared peer-unreachable',
  ])
})

test('changes that are told as one are told by what there was before them, and as set where that is not known', async () => {
  const told: string[] = []
  const changes = new Emitter<readonly [number, boolean | undefined]>()
  await using _changes = new PinChanges({
    consensus: {
      getMany: async cids => cids.map(cid => (cid.equals(numberedCid(4)) ? undefined : toPin(cid, {}))),
      onChange: listener =>
        changes.on(([number, hadEntry]) =>
          listener([numberedCid(number)], hadEntry === undefined ? undefined : [hadEntry]),
        ),
    },
    logger: silentLogger(),
    tell: happening => told.push(happening.kind === 'pin' ? happening.change : happening.kind),
    lose: () => told.push('lost'),
    max: 10,
  })
  // The first goes at once; the others wait for it.
  for (const change of [
    [1, true],
    [2, false],
    [2, true],
    [3, undefined],
    [3, true],
    [4, false],
  ] as const)
    changes.emit(change)
  await new Promise(resolve => setImmediate(resolve))
  assert.deepEqual(told, ['changed', 'added', 'set', 'removed'])
})
