import assert from 'node:assert/strict'
import test from 'node:test'
import { Create } from 'typebox/value'
import { allocationRequest, freshMetric } from '../../test/support/allocation-scene.ts'
import { numberedCid } from '../../test/support/numbered-cid.ts'
import { seededRandom } from '../../test/support/seeded-random.ts'
import type { AllocationRequest } from '../interfaces.ts'
import { toAllocator } from './allocator.ts'
import { allocatorSchema, toAllocatorConfig } from './config.ts'
import { Tally } from './tally.ts'

const CONFIG = toAllocatorConfig(Create(allocatorSchema))
const PEERS = ['A', 'B', 'C', 'D']
const ALL = { living: new Set(PEERS), allocateBy: CONFIG.allocateBy }
const DISK_BYTES = 1e10

interface Run {
  /** Peers that take requests, each with its own memory. */
  readonly callers: number
  /** Pins between two values of the same peer. */
  readonly lagPins: number
  readonly meanBytes: number
  readonly hasGroups: boolean
  readonly seed: number
}

/** Gives 2,000 pins of chance sizes to four equal peers; the greatest deviation from the mean, as a share of it. */
function deviationOf({ callers, lagPins, meanBytes, hasGroups, seed }: Run): number {
  const random = seededRandom(seed)
  const allocators = Array.from({ length: callers }, () => toAllocator(CONFIG))
  const used = new Map(PEERS.map(peer => [peer, random.next() * DISK_BYTES * 0.002]))
  const told = new Map(used)
  const phases = PEERS.map(() => Math.floor(random.next() * lagPins))
  const counts = new Map(PEERS.map(peer => [peer, 0]))
  const scene = allocationRequest([], { ...ALL, replicationMin: 2, replicationMax: 2 })
  let metrics = metricsOf(told, hasGroups)
  for (let number = 0; number < 2000; number++) {
    for (const [at, peer] of PEERS.entries()) {
      if (number % lagPins !== phases[at]) continue
      told.set(peer, used.get(peer) ?? 0)
      metrics = metricsOf(told, hasGroups)
    }
    const chosen = allocators[Math.floor(random.next() * callers)]?.allocate({
      ...scene,
      cid: numberedCid(seed * 10_000 + number),
      metrics,
    })
    const bytes = -Math.log(1 - random.next()) * meanBytes
    for (const peer of chosen ?? []) {
      used.set(peer, (used.get(peer) ?? 0) + bytes)
      counts.set(peer, (counts.get(peer) ?? 0) + 1)
    }
  }
  return Math.max(...[...counts.values()].map(count => Math.abs(count - 1000) / 1000))
}

function metricsOf(used: ReadonlyMap<string, number>, hasGroups: boolean): AllocationRequest['metrics'] {
  const tag = (peer: string, at: number) =>
    freshMetric(peer, 'tag:group', hasGroups ? String(at % 2) : 'default', { isPartitionable: true })
  const free = (peer: string) => {
    const bytes = DISK_BYTES - (used.get(peer) ?? 0)
    return freshMetric(peer, 'freespace', String(bytes), { weight: bytes })
  }
  return new Map([
    ['tag:group', PEERS.map(tag)],
    ['freespace', PEERS.map(free)],
  ])
}

test('equal peers get equal shares of 2,000 pins within 5 %, whoever allocates, however old their metrics are', t => {
  for (const callers of [1, 4])
    for (const lagPins of [1, 20, 700])
      for (const meanBytes of [1000, 1e6])
        for (const hasGroups of [false, true]) {
          const run = { callers, lagPins, meanBytes, hasGroups, seed: callers + lagPins }
          const deviation = deviationOf(run)
          t.diagnostic(`${JSON.stringify(run)}: ${(deviation * 100).toFixed(2)} %`)
          assert.ok(deviation <= 0.05, `${JSON.stringify(run)}: ${deviation}`)
        }
})

test('a peer that comes later is not flooded to catch up', () => {
  const tally = new Tally()
  for (let round = 0; round < 1000; round++) tally.add(['A', 'B'])
  assert.deepEqual([tally.of('A'), tally.of('new')], [1000, 996])
  tally.add(['new'])
  assert.equal(tally.of('new'), 997)
})

test('explaining does not count', () => {
  const { allocate, explainAllocation } = toAllocator(CONFIG)
  const request = allocationRequest([], { ...ALL, metrics: metricsOf(new Map(), false) })
  const told = explainAllocation(request).allocations
  assert.deepEqual(explainAllocation(request).allocations, told)
  assert.deepEqual(allocate(request), told)
  assert.notDeepEqual(explainAllocation(request).allocations, told)
})
